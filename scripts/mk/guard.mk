# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# chasqui-guard, and what tests it.

guard_core = $(filter-out $(BUILD)/control/guard/main.o,$(call room,control/guard)) \
	     $(call room,control/util) $(BUILD)/control/policy/tracing_words.o
guard_libs = -ljansson -lseccomp -lcap-ng -lxxhash -lpthread

all:: $(BUILD)/chasqui-guard

$(BUILD)/chasqui-guard: $(BUILD)/control/guard/main.o $(guard_core)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(guard_libs) -o $@

guard_tools = $(addprefix $(BUILD)/tests/enforcer/,guard-drive vectors racers)

$(BUILD)/tests/enforcer/guard-drive: $(BUILD)/tests/enforcer/guard-drive.o $(think) \
		$(addprefix $(BUILD)/control/enforcer/,$(addsuffix .o,guard_client guard_link \
		guard_rules guard_can guard_event hook_event))
	$(CC) $(CFLAGS) $(LDFLAGS) $^ -lyaml -ljansson -lxxhash -lseccomp -lcap-ng -lm $(LDLIBS) -o $@

check-enforcer:: $(guard_tools)
vm-tools: $(guard_tools)

$(BUILD)/tests/enforcer/vectors: $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/enforcer/vectors*.c))
	$(CC) $(CFLAGS) $(LDFLAGS) $^ -lpthread -o $@

all:: $(BUILD)/man/chasqui-guard.8

$(BUILD)/man/chasqui-guard.8: control/guard/chasqui-guard.8.scd
	@mkdir -p $(@D)
	scdoc < $< > $@

install:: $(BUILD)/chasqui-guard
	install -D -m 755 $(BUILD)/chasqui-guard $(sbindir)/chasqui-guard
	install -d $(libdir)/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|g' scripts/units/chasqui-guard.service \
		> $(libdir)/systemd/system/chasqui-guard.service

uninstall::
	rm -f $(sbindir)/chasqui-guard $(libdir)/systemd/system/chasqui-guard.service

guard_test = $(BUILD)/tests/unit/test_guard

$(guard_test): %: %.o $(guard_core)
	$(CC) $(LDFLAGS) $^ $(guard_libs) -lcmocka -o $@

check-unit:: $(guard_test)
	@$(guard_test)

$(BUILD)/tests/enforcer/racers: $(BUILD)/tests/enforcer/racers.o
	$(CC) $(CFLAGS) $(LDFLAGS) $^ -lpthread -o $@
