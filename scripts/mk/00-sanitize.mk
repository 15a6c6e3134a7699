# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
# Unit tests run with the sanitizers on, in a build directory of their own. Read before the other
# fragments, because rules take the build directory's name when they are read.
ifneq ($(filter check-unit,$(MAKECMDGOALS)),)
override BUILD := $(BUILD)/asan
CFLAGS  += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
endif
