# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# chasqui-guard, and what tests it.

guard_core = $(filter-out $(BUILD)/control/guard/main.o,$(call room,control/guard)) \
	     $(call room,control/util) $(BUILD)/control/policy/tracing_words.o
guard_libs = -ljansson -lseccomp -lcap-ng -lxxhash -lpthread

all:: $(BUILD)/chasqui-guard

$(BUILD)/chasqui-guard: $(BUILD)/control/guard/main.o $(guard_core)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(guard_libs) -o $@
