/* SPDX-License-Identifier: GPL-2.0 */
/*
 * qbd: tracepoints of the gate and of a request's life
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM qbd

#if !defined(QBD_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define QBD_TRACE_H

#include <linux/tracepoint.h>
#include <linux/qbd.h>

#define qbd_trace_gate_name(gate)			\
	__print_symbolic(gate,				\
			 { QBD_GATE_DETACHED, "detached" },	\
			 { QBD_GATE_ACTIVE, "active" },		\
			 { QBD_GATE_SUSPENDED, "suspended" },	\
			 { QBD_GATE_FENCED, "fenced" },		\
			 { QBD_GATE_REMOVED, "removed" })

#define qbd_trace_op_name(op)				\
	__print_symbolic(op,				\
			 { QBD_OP_WRITE, "write" },		\
			 { QBD_OP_WRITE_ZEROES, "write-zeroes" }, \
			 { QBD_OP_DISCARD, "discard" },		\
			 { QBD_OP_FLUSH, "flush" },		\
			 { QBD_OP_OPEN, "open" },		\
			 { QBD_OP_CLOSE, "close" },		\
			 { QBD_OP_READ_ERROR, "read-error" })

TRACE_EVENT(qbd_gate,
	TP_PROTO(u32 minor, u32 old, u32 new, const char *reason),
	TP_ARGS(minor, old, new, reason),
	TP_STRUCT__entry(
		__field(u32, minor)
		__field(u32, old)
		__field(u32, new)
		__array(char, reason, QBD_REASON_MAX + 1)
	),
	TP_fast_assign(
		__entry->minor = minor;
		__entry->old = old;
		__entry->new = new;
		strscpy(__entry->reason, reason, sizeof(__entry->reason));
	),
	TP_printk("minor=%u old=%s new=%s reason=\"%s\"", __entry->minor,
		  qbd_trace_gate_name(__entry->old),
		  qbd_trace_gate_name(__entry->new), __entry->reason)
);

DECLARE_EVENT_CLASS(qbd_request,
	TP_PROTO(u32 minor, const struct qbd_req *wire, int error),
	TP_ARGS(minor, wire, error),
	TP_STRUCT__entry(
		__field(u32, minor)
		__field(u64, tag)
		__field(u64, epoch)
		__field(u64, offset)
		__field(u32, length)
		__field(u16, op)
		__field(u16, flags)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->minor = minor;
		__entry->tag = wire->tag;
		__entry->epoch = wire->epoch;
		__entry->offset = wire->offset;
		__entry->length = wire->length;
		__entry->op = wire->op;
		__entry->flags = wire->flags;
		__entry->error = error;
	),
	TP_printk("minor=%u tag=%llu epoch=%llu op=%s offset=%llu length=%u flags=%#x error=%d",
		  __entry->minor, __entry->tag, __entry->epoch,
		  qbd_trace_op_name(__entry->op), __entry->offset,
		  __entry->length, __entry->flags, __entry->error)
);

/* taken in: it is in the table now */
DEFINE_EVENT(qbd_request, qbd_request_take,
	TP_PROTO(u32 minor, const struct qbd_req *wire, int error),
	TP_ARGS(minor, wire, error));

/* put on the agent's socket (error 0), or not */
DEFINE_EVENT(qbd_request, qbd_request_send,
	TP_PROTO(u32 minor, const struct qbd_req *wire, int error),
	TP_ARGS(minor, wire, error));

/* finished: by a completion, abort, timeout or removal */
DEFINE_EVENT(qbd_request, qbd_request_finish,
	TP_PROTO(u32 minor, const struct qbd_req *wire, int error),
	TP_ARGS(minor, wire, error));

/* its hold is over: applied */
DEFINE_EVENT(qbd_request, qbd_request_applied,
	TP_PROTO(u32 minor, const struct qbd_req *wire, int error),
	TP_ARGS(minor, wire, error));

#endif /* QBD_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
