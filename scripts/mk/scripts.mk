# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The demo, lint, and the tests that run the whole gateway.

peer = $(BUILD)/tests/lib/peer
wire = $(BUILD)/tests/lib/wire

$(peer) $(wire): %: %.o
	$(CC) $(LDFLAGS) $^ -o $@

demo: all $(peer) $(wire)
	@BUILD=$(BUILD) scripts/demo-run

check-lint:: $(skeletons) $(BUILD)/tests/bench/bench-forward-frames.skel.h \
		$(BUILD)/tests/bench/bench-packet.skel.h
	@BUILD=$(BUILD) scripts/check-style
	@BUILD=$(BUILD) scripts/check-c

netns-tools: all $(peer) $(wire)

# Most of them wait more than they work, so four at a time; those that take minutes come first.
netns_tests = $(sort $(wildcard tests/netns/*.t tests/tunnel/*.t))
netns_long  = tests/tunnel/60-rekey.t tests/netns/reload.t

check-netns:: netns-tools
	BUILD=$(BUILD) prove -j4 --verbose --merge $(netns_long) $(filter-out $(netns_long),$(netns_tests))

# Here, because rules of two colons run in the order in which they are read: the tools come first.
check-enforcer:: all
	BUILD=$(BUILD) prove --verbose --merge $(sort $(wildcard tests/enforcer/*.t))

# What tests in the machine run: each part says which programs of its own.
vm-tools: $(peer) $(wire)

# Installed from scratch, for a machine that runs the units.
check-vm:: all vm-tools
	rm -rf $(BUILD)/vm/installed
	@$(MAKE) -s install DESTDIR=$(abspath $(BUILD))/vm/installed PREFIX=/usr
	BUILD=$(BUILD) scripts/vm/check

check-mutants:
	scripts/mutants

# What a fault is held against: the same tests, without sanitizers, and fewer random cases.
quick-packet: $(packet_tests)
	@for test in $(sort $(packet_tests)); do $$test || exit 1; done

quick-unit: $(compile_tests)
	@for test in $(compile_tests); do $$test || exit 1; done

quick-cases: $(property)
	@rm -rf $(BUILD)/quick
	@$(PYTHON) tests/property/cases.py $(BUILD)/quick/cases
	@$(PYTHON) tests/property/generate.py $(BUILD)/quick/random --cases 3000 --thin-is-fine >$(BUILD)/quick/tally
	@$(property) --checkpoint $(BUILD)/quick/cases $(BUILD)/quick/random

.PHONY: netns-tools vm-tools check-mutants quick-packet quick-unit quick-cases

frames = $(BUILD)/tests/bench/bench-forward-frames

$(frames).bpf.o: tests/bench/bench-forward-frames.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPFFLAGS) -Itests/bench -MT $@ -MF $(@:.o=.d) -c $< -o $@

$(frames).skel.h: $(frames).bpf.o
	$(BPFTOOL) gen skeleton $< name bench_frames > $@

$(frames).o: CPPFLAGS += -I$(BUILD)/tests/bench -Itests/bench
$(frames).o: $(frames).skel.h

$(frames): $(frames).o
	$(CC) $(LDFLAGS) $^ -lbpf -o $@

bench-forward: all $(peer) $(frames)
	@BUILD=$(BUILD) tests/bench/bench-forward

bench:: bench-forward

.PHONY: bench-forward
