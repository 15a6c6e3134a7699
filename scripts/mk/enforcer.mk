# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The enforcer: its tests on this kernel. Those under Debian's kernels are tests/vm/enforcer*.t.

# Policies by the hooks alone, without a daemon.
hooks_tool = $(BUILD)/tests/enforcer/hooks

$(hooks_tool): $(hooks_tool).o $(call room,control/enforcer control/policy control/util)
	$(CC) $(LDFLAGS) $^ -lbpf -lelf -lz -ljansson $(policy_libs) -o $@

vm-tools: $(hooks_tool)

check-enforcer:: $(hooks_tool)

check-netns:: check-enforcer

# Where arguments of functions are is the processor's business.
arch_names = x86_64:x86 aarch64:arm64
arch       = $(patsubst $(shell uname -m):%,%,$(filter $(shell uname -m):%,$(arch_names)))

$(BUILD)/enforcer.bpf.o: BPFFLAGS += -D__TARGET_ARCH_$(arch)

bench_enforcer = $(BUILD)/tests/bench/bench-enforcer-calls

$(bench_enforcer): $(bench_enforcer).o $(call room,control/policy control/util control/enforcer)
	$(CC) $(LDFLAGS) $^ $(policy_libs) -lbpf -lelf -lz -ljansson -o $@

# Only the ratios of one run can be compared.
bench-enforcer: all $(bench_enforcer)
	@BUILD=$(BUILD) PATH="$(abspath $(BUILD)/tests/bench):$$PATH" tests/bench/bench-enforcer

bench:: bench-enforcer

.PHONY: bench-enforcer check-enforcer
