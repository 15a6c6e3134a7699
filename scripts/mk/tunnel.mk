# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The WireGuard engine: a program of its own, its tests and its bench.

tunnel_room = $(call room,datapath/tunnel)
tunnel_core = $(filter-out $(BUILD)/datapath/tunnel/main.o,$(tunnel_room))
tunnel_libs = -lsodium -lcrypto -levent_core -lseccomp -lcap-ng -lpthread

# Intel's multi-buffer library is for x86-64 only.
ifneq ($(wildcard /usr/include/intel-ipsec-mb.h),)
tunnel_flags = -DHAVE_IPSECMB
tunnel_libs += -lIPSec_MB
endif

$(tunnel_room): CPPFLAGS += $(tunnel_flags)

all:: $(BUILD)/chasqui-wg

$(BUILD)/chasqui-wg: $(tunnel_room)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(tunnel_libs) -o $@

# ---- tests ----

tunnel_tests = $(patsubst %.c,$(BUILD)/%,$(wildcard tests/tunnel/test_*.c))

$(BUILD)/tests/tunnel/%.o: CPPFLAGS += $(tunnel_flags)

$(tunnel_tests): %: %.o $(tunnel_core)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(tunnel_libs) -lcmocka -o $@

check-unit:: $(tunnel_tests)
	@set -e; for test in $(tunnel_tests); do echo "$$test"; $$test; done

check-netns:: $(BUILD)/chasqui-wg $(BUILD)/tests/tunnel/relay $(BUILD)/tests/tunnel/flood
	BUILD=$(BUILD) prove --verbose --merge $(sort $(wildcard tests/tunnel/*.t))

# Minutes; JSON lines and a table.
bench-tunnel: $(BUILD)/chasqui-wg
	BUILD=$(BUILD) tests/bench/bench-tunnel

.PHONY: bench-tunnel

$(BUILD)/tests/tunnel/relay: $(BUILD)/tests/tunnel/relay.o
	$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@

$(BUILD)/tests/tunnel/flood: $(BUILD)/tests/tunnel/flood.o $(tunnel_core)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(tunnel_libs) -o $@
