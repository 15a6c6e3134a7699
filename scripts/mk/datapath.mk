# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The programs' own tests and their benchmark.

packet_tests = $(patsubst %.c,$(BUILD)/%,$(wildcard tests/packet/test_*.c))
packet_lib   = $(addprefix $(BUILD)/tests/packet/,gateway.o frame.o steps.o)

$(BUILD)/tests/packet/%.o: CPPFLAGS += -Itests/packet
$(BUILD)/tests/packet/gateway.o: $(BUILD)/tc.skel.h $(BUILD)/xdp.skel.h

$(packet_tests): %: %.o $(packet_lib)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ -lbpf -lcmocka -o $@

check-packet:: $(packet_tests)
	@for test in $(sort $(packet_tests)); do CMOCKA_MESSAGE_OUTPUT=TAP $$test || exit 1; done
