# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Answers to "why?": lint, differences, hits.

why_tests = $(addprefix $(BUILD)/tests/unit/test_,lint difference)

$(addsuffix .o,$(why_tests)) $(BUILD)/tests/lib/compiled.o: CPPFLAGS += -Itests/lib

$(why_tests): %: %.o $(BUILD)/tests/lib/compiled.o $(think)
	$(CC) $(LDFLAGS) $^ -lcmocka $(policy_libs) -lxxhash -o $@

check-unit:: $(why_tests)
	@for test in $(why_tests); do ./$$test || exit 1; done

# The command as people call it; no root needed.
check-unit:: $(BUILD)/chasqui
	@BUILD=$(BUILD) prove --verbose --merge tests/cli

# Other projects' cases once more, through the command that people use.
check-explain: $(BUILD)/chasqui
	@if [ ! -e $(CHASQUI_CONFORMANCE)/k8s_netpol_cases.yaml ]; then \
		echo "SKIP explain: no case files in $(CHASQUI_CONFORMANCE) (set CHASQUI_CONFORMANCE)"; \
	else rm -rf $(BUILD)/explain && \
		$(PYTHON) tests/conformance/conformance.py $(CHASQUI_CONFORMANCE) $(BUILD)/explain && \
		$(PYTHON) tests/conformance/explain.py $(BUILD)/chasqui $(BUILD)/explain; fi

check-packet:: check-explain

.PHONY: check-explain
