# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The demo, lint, and the tests that run the whole gateway.

peer = $(BUILD)/tests/lib/peer

$(peer): $(BUILD)/tests/lib/peer.o
	$(CC) $(LDFLAGS) $^ -o $@

demo: all $(peer)
	@BUILD=$(BUILD) scripts/demo-run

check-lint:: $(skeletons)
	@BUILD=$(BUILD) scripts/check-style
	@BUILD=$(BUILD) scripts/check-c

check-netns:: all $(peer)
	BUILD=$(BUILD) prove --verbose --merge $(sort $(wildcard tests/netns/*.t))

check-vm:: all $(peer)
	BUILD=$(BUILD) scripts/vm/check

check-mutants:
	scripts/mutants

.PHONY: check-mutants
