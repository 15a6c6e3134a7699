// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "policy/tracing.h"

const char *tracing_type_word(enum tracing_type type)
{
	static const char *const words[] = {
#define x(word, name, form) [TRACING_TYPE_##name] = word,
		TRACING_TYPES(x)
#undef x
	};

	return type < TRACING_TYPE_MAX ? words[type] : NULL;
}

const char *tracing_operator_word(enum tracing_operator op)
{
	static const char *const words[] = {
#define x(word, name) [TRACING_OP_##name] = word,
		TRACING_OPERATORS(x)
#undef x
	};

	return op < TRACING_OP_MAX ? words[op] : NULL;
}

const char *tracing_action_word(enum tracing_action_kind kind)
{
	static const char *const words[] = {
#define x(word, name) [TRACING_ACTION_##name] = word,
		TRACING_ACTIONS(x)
#undef x
	};

	return kind < TRACING_ACTION_MAX ? words[kind] : NULL;
}

const char *tracing_hook_word(enum tracing_hook_kind kind)
{
	static const char *const words[] = {
		[TRACING_KPROBE] = "kprobe",
		[TRACING_TRACEPOINT] = "tracepoint",
		[TRACING_LSM] = "lsm",
		[TRACING_UPROBE] = "uprobe",
	};

	return kind <= TRACING_UPROBE ? words[kind] : NULL;
}

bool tracing_enforces(enum tracing_action_kind kind)
{
	return kind != TRACING_ACTION_POST && kind != TRACING_ACTION_NO_POST;
}
