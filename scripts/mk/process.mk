# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Processes: what becomes of the kernel's records of them.

process_tests = $(addprefix $(BUILD)/tests/unit/test_process_,tree events lines data)

$(process_tests): %: %.o $(BUILD)/tests/unit/process_case.o $(call room,control/observe control/util) \
		$(addprefix $(BUILD)/control/enforcer/,hook_event.o hooks_data.o process_tree.o process_program.o process_events.o)
	$(CC) $(LDFLAGS) $^ $(OBSERVE_LIBS) -lcmocka -o $@

quick-process: $(process_tests)
	@for test in $(process_tests); do ./$$test || exit 1; done

.PHONY: quick-process

check-unit:: $(process_tests)
	@for test in $(process_tests); do ./$$test || exit 1; done

storm = $(BUILD)/tests/enforcer/storm

$(storm): tests/enforcer/storm.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -static $(LDFLAGS) $< -o $@

watch = $(BUILD)/tests/enforcer/watch

$(watch): %: %.o $(call room,control/observe control/util) \
		$(addprefix $(BUILD)/control/enforcer/,hook_event.o process_tree.o process_program.o process_events.o process_programs.o)
	$(CC) $(LDFLAGS) $^ $(OBSERVE_LIBS) -lbpf -lelf -lz -o $@

threads = $(BUILD)/tests/enforcer/threads

$(threads): %: %.o
	$(CC) $(LDFLAGS) $^ -lpthread -o $@

check-enforcer:: $(storm) $(threads)
vm-tools: $(storm) $(threads) $(watch)
