# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# make [all] | demo | check (check-layers check-lint check-unit check-packet check-netns check-vm)
#      | bench | install | uninstall | clean

CLANG   ?= clang
BPFTOOL ?= bpftool
PREFIX  ?= /usr
DESTDIR ?=
BUILD   ?= build

CFLAGS  ?= -O2 -g
CFLAGS  += -std=gnu11 -Wall -Wextra -Werror -Wno-missing-field-initializers -MMD -MP
CPPFLAGS += -D_GNU_SOURCE -Iinclude -Icontrol -I$(BUILD)
BPFFLAGS = -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Werror -MMD -MP \
	   -Iinclude -Idatapath/bpf -I/usr/include/$(shell $(CC) -print-multiarch)

# Every .c of a room, as an object under $(BUILD).
room      = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(addsuffix /*.c,$(1))))
skeletons = $(patsubst datapath/bpf/%.bpf.c,$(BUILD)/%.skel.h,$(wildcard datapath/bpf/*.bpf.c))

# Rooms that think (no kernel, socket or clock), and those that touch.
think = $(call room,control/util control/policy control/identity control/compile)
touch = $(call room,control/kernel control/tunnel control/enforcer control/observe)

all::

# One fragment a part, each with the targets that it adds to `all`, `check-*`, `install`.
include $(sort $(wildcard scripts/mk/*.mk))

$(BUILD)/%.bpf.o: datapath/bpf/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPFFLAGS) -MT $@ -MF $(@:.o=.d) -c $< -o $@

$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(BPFTOOL) gen skeleton $< name chq_$* > $@

$(BUILD)/%.o: %.c | $(skeletons)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

# Every suite to its end, and their sum as the last line.
check: all
	@BUILD=$(BUILD) scripts/run-checks

check-layers::
	scripts/check-layers

clean::
	rm -rf $(BUILD)

.PHONY: all demo check check-layers check-lint check-unit check-packet check-netns check-enforcer check-vm \
	bench install uninstall clean
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
