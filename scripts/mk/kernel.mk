# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The kernel room: what to link with it, and its tests.

KERNEL_LIBS = -lxdp -lbpf -lmnl -lcap-ng -lxxhash -lelf -lz

kernel_test = $(BUILD)/tests/netns/kernel

$(kernel_test): $(BUILD)/tests/netns/kernel.o $(call room,control/kernel control/util)
	$(CC) $(LDFLAGS) $^ $(KERNEL_LIBS) -lcmocka $(LDLIBS) -o $@

check-netns:: $(kernel_test)
