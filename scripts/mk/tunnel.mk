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

$(BUILD)/tests/tunnel/test_engine: $(BUILD)/tests/tunnel/world.o

check-unit:: $(tunnel_tests)
	@set -e; for test in $(tunnel_tests); do echo "$$test"; $$test; done

# What a fault in the engine is held against.
quick-tunnel: $(tunnel_tests)
	@for test in $(tunnel_tests); do $$test || exit 1; done

.PHONY: quick-tunnel

netns-tools: $(BUILD)/chasqui-wg $(BUILD)/tests/tunnel/relay $(BUILD)/tests/tunnel/flood

vm-tools: $(BUILD)/chasqui-wg $(BUILD)/tests/tunnel/flood $(BUILD)/tests/tunnel/test_confine

# Minutes; JSON lines and a table.
bench-tunnel: $(BUILD)/chasqui-wg $(BUILD)/tests/bench/datagrams
	BUILD=$(BUILD) tests/bench/bench-tunnel

.PHONY: bench-tunnel

$(BUILD)/tests/bench/datagrams: $(BUILD)/tests/bench/datagrams.o
	$(CC) $(CFLAGS) $(LDFLAGS) $^ -lpthread -o $@

$(BUILD)/tests/tunnel/relay: $(BUILD)/tests/tunnel/relay.o
	$(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@

$(BUILD)/tests/tunnel/flood: $(BUILD)/tests/tunnel/flood.o $(tunnel_core)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(tunnel_libs) -o $@

# ---- fuzzing ----

tunnel_fuzzers = $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_wg_*.c))
tunnel_fuzz_flags = -D_GNU_SOURCE -Iinclude -std=gnu11 -g -O1 -MMD -MP -fno-sanitize-recover=all
tunnel_fuzz_core = $(patsubst %.c,$(BUILD)/fuzz/%.o,$(filter-out datapath/tunnel/main.c,$(wildcard datapath/tunnel/*.c)) \
	tests/tunnel/world.c)
TUNNEL_FUZZ_SECONDS ?= 20

$(BUILD)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(CLANG) $(tunnel_fuzz_flags) $(tunnel_flags) -fsanitize=fuzzer-no-link,address,undefined -c $< -o $@

$(BUILD)/tests/fuzz/fuzz_wg_%: $(BUILD)/fuzz/tests/fuzz/fuzz_wg_%.o $(tunnel_fuzz_core)
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=fuzzer,address,undefined $^ $(tunnel_libs) -lcmocka -o $@

fuzz-tunnel: $(addprefix $(BUILD)/tests/fuzz/,$(tunnel_fuzzers))
	@for name in $(tunnel_fuzzers); do \
		mkdir -p $(BUILD)/tests/fuzz/corpus-$$name; \
		$(BUILD)/tests/fuzz/$$name -max_total_time=$(TUNNEL_FUZZ_SECONDS) -timeout=10 -print_final_stats=1 \
			-artifact_prefix=$(BUILD)/tests/fuzz/ $(BUILD)/tests/fuzz/corpus-$$name || exit 1; \
	done

fuzz:: fuzz-tunnel

# A few seconds of each, one line of TAP.
check-unit:: $(addprefix $(BUILD)/tests/fuzz/,$(tunnel_fuzzers))
	@n=0; failed=0; for name in $(tunnel_fuzzers); do \
		n=$$((n + 1)); log=$(BUILD)/tests/fuzz/$$name.log; mkdir -p $(BUILD)/tests/fuzz/corpus-$$name; \
		if $(BUILD)/tests/fuzz/$$name -max_total_time=4 -timeout=10 -artifact_prefix=$(BUILD)/tests/fuzz/ \
			$(BUILD)/tests/fuzz/corpus-$$name >$$log 2>&1; then \
			echo "ok $$n - $$name: $$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' $$log) runs"; \
		else tail -40 $$log; echo "not ok $$n - $$name"; failed=1; fi; \
	done; exit $$failed

.PHONY: fuzz-tunnel

# ---- man page and install ----

all:: $(BUILD)/man/chasqui-wg.8

$(BUILD)/man/chasqui-wg.8: datapath/tunnel/chasqui-wg.8.scd
	@mkdir -p $(@D)
	scdoc < $< > $@

install:: $(BUILD)/chasqui-wg $(BUILD)/man/chasqui-wg.8
	install -D -m 755 $(BUILD)/chasqui-wg $(DESTDIR)$(PREFIX)/sbin/chasqui-wg
	install -D -m 644 $(BUILD)/man/chasqui-wg.8 $(DESTDIR)$(PREFIX)/share/man/man8/chasqui-wg.8
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|g' scripts/units/chasqui-wg@.service \
		> $(DESTDIR)$(PREFIX)/lib/systemd/system/chasqui-wg@.service

uninstall::
	rm -f $(DESTDIR)$(PREFIX)/sbin/chasqui-wg $(DESTDIR)$(PREFIX)/share/man/man8/chasqui-wg.8 \
		$(DESTDIR)$(PREFIX)/lib/systemd/system/chasqui-wg@.service
