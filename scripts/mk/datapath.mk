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

bench_packet = $(BUILD)/tests/bench/bench-packet

$(bench_packet).bpf.o: tests/bench/bench-packet.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPFFLAGS) -Itests/bench -MT $@ -MF $(@:.o=.d) -c $< -o $@

$(bench_packet).skel.h: $(bench_packet).bpf.o
	$(BPFTOOL) gen skeleton $< name bench_packet > $@

$(bench_packet).o: CPPFLAGS += -I$(BUILD)/tests/bench -Itests/bench
$(bench_packet).o: $(bench_packet).skel.h

$(bench_packet): $(bench_packet).o $(BUILD)/tests/packet/gateway.o $(BUILD)/tests/packet/frame.o
	$(CC) $(CFLAGS) $(LDFLAGS) $^ -lbpf -lpthread -o $@

bench-packet: $(bench_packet)
	$<

bench:: bench-packet

.PHONY: bench-packet
