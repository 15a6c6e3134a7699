# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The reading of the documents: its tests, golden errors, fuzzing.

policy_libs  = -lyaml -lseccomp -lcap-ng -lm
policy_room  = $(call room,control/policy control/util)
policy_tests = $(addprefix $(BUILD)/tests/unit/,test_config test_golden test_hostile test_policies test_tracing)

$(policy_tests): %: %.o $(policy_room)
	$(CC) $(LDFLAGS) $^ $(policy_libs) -lcmocka -o $@

check-unit:: $(policy_tests)
	@for test in $^; do ./$$test || exit 1; done

# Writes what people are told anew; the difference is for a review.
golden: $(BUILD)/tests/unit/test_golden
	GOLDEN_REWRITE=1 ./$<

# The sanitizer's pointer arithmetic is off: glibc's obstacks align from the null pointer.
fuzz_flags = -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize=pointer-overflow \
	     -fno-sanitize-recover=all
FUZZ_SECONDS ?= 20

$(BUILD)/tests/fuzz/fuzz_policy: tests/fuzz/fuzz_policy.c $(wildcard control/policy/*.[ch])
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) -std=gnu11 $(fuzz_flags) tests/fuzz/fuzz_policy.c control/policy/*.c \
		control/util/addr.c $(policy_libs) -o $@

fuzz-policy: $(BUILD)/tests/fuzz/fuzz_policy
	@mkdir -p $(BUILD)/tests/fuzz/corpus
	./$< -max_total_time=$(FUZZ_SECONDS) -max_len=20000 -timeout=10 -rss_limit_mb=2048 \
		-artifact_prefix=$(BUILD)/tests/fuzz/ -print_final_stats=1 \
		$(BUILD)/tests/fuzz/corpus tests/golden policies/demo policies/examples

fuzz:: fuzz-policy

.PHONY: golden fuzz fuzz-policy
