# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The reading of the documents: its tests, golden errors, fuzzing, man page.

policy_libs  = -lyaml -lm
policy_room  = $(call room,control/policy control/util)
policy_tests = $(addprefix $(BUILD)/tests/unit/,test_golden)

$(policy_tests): %: %.o $(policy_room)
	$(CC) $(LDFLAGS) $^ $(policy_libs) -lcmocka -o $@

check-unit:: $(policy_tests)
	@for test in $^; do ./$$test || exit 1; done

# Writes what people are told anew; the difference is for a review.
golden: $(BUILD)/tests/unit/test_golden
	GOLDEN_REWRITE=1 ./$<

.PHONY: golden
