# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The kernel room and what is made of its events: what to link with them, and their tests.

KERNEL_LIBS  = -lxdp -lbpf -lmnl -lcap-ng -lxxhash -lelf -lz
OBSERVE_LIBS = -ljansson -lcap-ng

observe_test = $(BUILD)/tests/unit/test_observe
kernel_test  = $(BUILD)/tests/netns/kernel

$(observe_test): %: %.o $(call room,control/observe control/util)
	$(CC) $(LDFLAGS) $^ $(OBSERVE_LIBS) -lcmocka -o $@

check-unit:: $(observe_test)
	./$<

$(kernel_test): %: %.o $(call room,control/kernel control/util) $(BUILD)/control/compile/hosts.o
	$(CC) $(LDFLAGS) $^ $(KERNEL_LIBS) -lcmocka -o $@

check-netns:: $(kernel_test)
