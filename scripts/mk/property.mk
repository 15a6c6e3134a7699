# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The reference evaluator against the compiled tables and the checkpoint: on random documents, on
# named cases, and on other projects' cases.

# Two processes make so many cases each; all meet the tables, the first of them the programs too.
PROPERTY_CASES   ?= 50000
PROPERTY_PACKETS ?= 10000
PROPERTY_SEED    ?= 20000
CHASQUI_CONFORMANCE ?= ../shared/conformance
PYTHON ?= /usr/bin/python3

property = $(BUILD)/tests/property/property
property_objects = $(call room,tests/property) $(think) $(addprefix $(BUILD)/control/kernel/,tables.o refusal.o)

$(BUILD)/tests/property/checkpoint.o: CPPFLAGS += -I$(BUILD)

$(property): $(property_objects)
	$(CC) $(LDFLAGS) $^ -lbpf -lyaml -lxxhash -lcap-ng -lseccomp -o $@

# Left behind for a replay: `property --checkpoint DIRECTORY` takes a single batch too.
check-property:: $(property)
	@rm -rf $(BUILD)/property
	@mkdir -p $(BUILD)/property
	@for half in one two; do \
		$(PYTHON) tests/property/generate.py $(BUILD)/property/$$half --cases $(PROPERTY_CASES) \
			--seed $(PROPERTY_SEED)-$$half >$(BUILD)/property/$$half.counts & \
		halves="$$halves $$!"; \
	done; \
	failed=0; for half in $$halves; do wait $$half || failed=1; done; \
	cat $(BUILD)/property/one.counts $(BUILD)/property/two.counts; exit $$failed
	@$(property) --checkpoint --packets $(PROPERTY_PACKETS) $(BUILD)/property/one $(BUILD)/property/two

check-cases:: $(property)
	@rm -rf $(BUILD)/cases
	@$(PYTHON) tests/property/cases.py $(BUILD)/cases
	@$(property) --checkpoint $(BUILD)/cases

check-conformance:: $(property)
	@if [ ! -e $(CHASQUI_CONFORMANCE)/k8s_netpol_cases.yaml ]; then \
		echo "SKIP conformance: no case files in $(CHASQUI_CONFORMANCE) (set CHASQUI_CONFORMANCE)"; \
	else rm -rf $(BUILD)/conformance && \
		$(PYTHON) tests/conformance/conformance.py $(CHASQUI_CONFORMANCE) $(BUILD)/conformance && \
		$(property) $(BUILD)/conformance; fi

check-packet:: check-cases check-property check-conformance

.PHONY: check-cases check-property check-conformance

# The sanitizers watch reader and compiler over the named cases and some random ones; no root needed.
check-unit:: $(property)
	@rm -rf $(BUILD)/named
	@$(PYTHON) tests/property/cases.py $(BUILD)/named/cases
	@$(PYTHON) tests/property/generate.py $(BUILD)/named/random --cases 2000 --thin-is-fine >$(BUILD)/named/tally
	@$(property) $(BUILD)/named/cases $(BUILD)/named/random
