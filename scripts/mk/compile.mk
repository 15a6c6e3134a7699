# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Identity and compile rooms: their unit tests and the compiler's bench.

compile_names = index label selector registry partition compile generation hosts encrypt
compile_tests = $(addprefix $(BUILD)/tests/unit/test_,$(compile_names))
bench_compile = $(BUILD)/tests/bench/bench-compile

$(compile_tests): %: %.o $(BUILD)/tests/unit/compile_case.o $(think)
	$(CC) $(LDFLAGS) $^ -lcmocka $(policy_libs) -lxxhash -o $@

$(bench_compile): $(bench_compile).o $(think)
	$(CC) $(LDFLAGS) $^ $(policy_libs) -lxxhash -o $@

check-unit:: $(compile_tests)
	@for test in $(compile_tests); do $$test || exit 1; done

bench:: bench-compile

bench-compile: $(bench_compile)
	$(bench_compile)

.PHONY: bench-compile
