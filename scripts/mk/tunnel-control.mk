# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# The tunnel's room of control/: its unit tests and fuzzers.

tunnel_control_rooms = $(call room,control/tunnel control/kernel) $(think)
tunnel_control_test  = $(BUILD)/tests/unit/test_tunnel

$(tunnel_control_test): %: %.o $(tunnel_control_rooms)
	$(CC) $(LDFLAGS) $^ $(KERNEL_LIBS) -lyaml -lseccomp -lsodium -lpthread -lcmocka -o $@

check-unit:: $(tunnel_control_test)
	./$<

# What the kernel and engines answer; they need little of the rooms.
tunnel_control_fuzzers = fuzz_tunnel_netlink fuzz_tunnel_answer
tunnel_control_sources = $(addprefix control/,kernel/wireguard.c kernel/wireguard_read.c \
	kernel/wireguard_write.c kernel/netlink.c kernel/refusal.c tunnel/uapi_read.c \
	tunnel/endpoint.c util/addr.c)

$(BUILD)/tests/fuzz/fuzz_tunnel_%: tests/fuzz/fuzz_tunnel_%.c $(tunnel_control_sources)
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS) -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		$^ -lmnl -lcap-ng -o $@

check-unit:: $(addprefix $(BUILD)/tests/fuzz/,$(tunnel_control_fuzzers))
	@n=0; failed=0; for name in $(tunnel_control_fuzzers); do \
		n=$$((n + 1)); log=$(BUILD)/tests/fuzz/$$name.log; mkdir -p $(BUILD)/tests/fuzz/corpus-$$name; \
		if $(BUILD)/tests/fuzz/$$name -max_total_time=4 -timeout=10 -artifact_prefix=$(BUILD)/tests/fuzz/ \
			$(BUILD)/tests/fuzz/corpus-$$name >$$log 2>&1; then \
			echo "ok $$n - $$name: $$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' $$log) runs"; \
		else tail -40 $$log; echo "not ok $$n - $$name"; failed=1; fi; \
	done; exit $$failed
