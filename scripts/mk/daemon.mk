# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# chasquid and chasqui: build, man pages, install.

daemon_objects = $(call room,control/daemon control/api) $(think) $(touch)
cli_objects    = $(call room,control/cli control/api) $(think) $(touch)

common_libs = -lbpf -lxdp -lelf -lz -lmnl -lyaml -ljansson -lxxhash -lcap-ng -lseccomp -lsodium -lm
daemon_libs = $(common_libs) -levent_core -levent_extra -lcurl -lpthread
cli_libs    = $(common_libs) -levent_core -levent_extra -lcurl -lsmartcols

man_sources = $(wildcard control/*/*.scd)
man_pages   = $(foreach page,$(man_sources),$(BUILD)/man/$(basename $(notdir $(page))))

all:: $(BUILD)/chasquid $(BUILD)/chasqui man

$(BUILD)/chasquid: $(daemon_objects)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(daemon_libs) $(LDLIBS) -o $@

$(BUILD)/chasqui: $(cli_objects)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(cli_libs) $(LDLIBS) -o $@

.PHONY: man
man: $(man_pages)

$(BUILD)/man/%: control/daemon/%.scd
	@mkdir -p $(@D)
	scdoc < $< > $@

$(BUILD)/man/%: control/cli/%.scd
	@mkdir -p $(@D)
	scdoc < $< > $@

$(BUILD)/man/%: control/policy/%.scd
	@mkdir -p $(@D)
	scdoc < $< > $@

$(BUILD)/man/%: control/enforcer/%.scd
	@mkdir -p $(@D)
	scdoc < $< > $@

sbindir = $(DESTDIR)$(PREFIX)/sbin
bindir  = $(DESTDIR)$(PREFIX)/bin
libdir  = $(DESTDIR)$(PREFIX)/lib
mandir  = $(DESTDIR)$(PREFIX)/share/man

objects = $(patsubst datapath/bpf/%.bpf.c,$(BUILD)/%.bpf.o,$(wildcard datapath/bpf/*.bpf.c))

install:: all $(objects)
	install -D -m 755 $(BUILD)/chasquid $(sbindir)/chasquid
	install -D -m 755 $(BUILD)/chasqui $(bindir)/chasqui
	install -d $(libdir)/chasqui $(libdir)/systemd/system
	install -m 644 $(objects) $(libdir)/chasqui/
	sed 's|@PREFIX@|$(PREFIX)|g' scripts/units/chasquid.service > $(libdir)/systemd/system/chasquid.service
	for page in $(man_pages); do \
		install -D -m 644 $$page $(mandir)/man$${page##*.}/$${page##*/} || exit 1; \
	done
	install -D -m 644 scripts/completions/chasqui \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/chasqui

uninstall::
	rm -f $(sbindir)/chasquid $(bindir)/chasqui $(libdir)/systemd/system/chasquid.service
	rm -f $(addprefix $(libdir)/chasqui/,$(notdir $(objects)))
	rm -f $(foreach page,$(notdir $(man_pages)),$(mandir)/man$(subst .,,$(suffix $(page)))/$(page))
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/chasqui
	-rmdir $(libdir)/chasqui 2>/dev/null

daemon_tests = $(addprefix $(BUILD)/tests/unit/,test_documents test_folder test_api)

$(daemon_tests): %: %.o $(call room,control/api) $(think) \
		$(addprefix $(BUILD)/control/daemon/,documents.o folder.o history.o stage.o)
	$(CC) $(LDFLAGS) $^ -lcmocka $(daemon_libs) -o $@

check-unit:: $(daemon_tests)
	@for test in $(daemon_tests); do $$test || exit 1; done
