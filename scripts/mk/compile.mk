# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Identity and compile rooms: their unit tests and the compiler's bench.

compile_tests = $(addprefix $(BUILD)/tests/unit/,$(filter-out %.c,$(patsubst tests/unit/%.c,%, \
	$(wildcard $(addprefix tests/unit/test_,$(addsuffix .c,index label selector registry \
	partition compile compile_text compile_limits))))))

$(compile_tests): %: %.o $(think)
	$(CC) $(LDFLAGS) $^ -lcmocka -lyaml -lxxhash -o $@

check-unit:: $(compile_tests)
	@for test in $(compile_tests); do $$test || exit 1; done
