/* build: -Itests/unit/kshim -Ikmod kmod/table.c kmod/range.c */
/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kmod/table.c: each request is ended exactly once, resent in order, and held
 * until it is applied - whatever agents, timeouts and aborts do meanwhile.
 */
#include <errno.h>
#include <stdlib.h>

#include "table.h"
#include "tap.h"
#include "tests/lib/random.h"

#define K (1024U)

static struct qbd_table table;
static struct list_head freed, dropped;

static void start(void)
{
	qbd_table_init(&table);
	INIT_LIST_HEAD(&freed);
	INIT_LIST_HEAD(&dropped);
}

static void add_write(struct qbd_request *req, uint64_t offset, uint32_t length)
{
	qbd_request_init(req, QBD_OP_WRITE, 0, 7, offset, length);
	qbd_table_add(&table, req);
}

/* As the sender does with a message of one */
static struct qbd_request *send_next(uint32_t generation)
{
	struct qbd_request *req = qbd_table_peek(&table, true);

	if (!req)
		return NULL;
	qbd_table_take(&table, req);
	qbd_table_sent(req, generation);
	return req;
}

static int match(uint64_t tag, uint64_t epoch, int error,
		 struct qbd_request **req)
{
	struct qbd_done done = { .tag = tag, .epoch = epoch, .error = error };

	*req = NULL;
	return qbd_table_match(&table, &done, req);
}

static void tags_are_given_in_the_order_of_handing_over(void)
{
	struct qbd_request first, second, third;

	start();
	add_write(&first, 0, 4 * K);
	add_write(&second, 0, 4 * K);
	add_write(&third, 64 * K, 4 * K);
	tap_check(send_next(1) == &first);
	tap_check(send_next(1) == &second);
	tap_check(send_next(1) == &third);
	tap_check(!send_next(1));
	tap_check_eq(first.wire.tag, 1);
	tap_check_eq(second.wire.tag, 2);
	tap_check_eq(third.wire.tag, 3);
	tap_check_eq(table.next_tag, 4);
	tap_check_eq(table.n_outstanding, 3);
	tap_check_eq(table.outstanding_bytes, 12 * K);
	tap_check_eq(table.n_waiting, 0);
}

static void shut_gate_lets_calls_and_resends_through_only(void)
{
	struct qbd_request write, later, open;

	start();
	add_write(&write, 0, 4 * K);
	send_next(1);
	add_write(&later, 0, 4 * K);
	tap_check(!qbd_table_peek(&table, false));
	qbd_request_init(&open, QBD_OP_OPEN, 0, 0, 0, 0);
	qbd_table_add(&table, &open);
	tap_check(qbd_table_peek(&table, false) == &open);
	qbd_table_session(&table);
	tap_check(qbd_table_peek(&table, false) == &write);
}

static void completion_finds_its_request_and_no_other(void)
{
	struct qbd_request write, *req;

	start();
	add_write(&write, 0, 4 * K);
	tap_check_eq(match(1, 7, 0, &req), (uint64_t)-ENOENT);
	send_next(1);
	tap_check_eq(match(1, 8, 0, &req), (uint64_t)-ENOENT);
	tap_check_eq(match(2, 7, 0, &req), (uint64_t)-ENOENT);
	tap_check_eq(match(1 + QBD_TABLE_BUCKETS, 7, 0, &req),
		     (uint64_t)-ENOENT);
	tap_check_eq(match(1, 7, 5, &req), (uint64_t)-EINVAL);
	tap_check_eq(match(1, 7, -5000, &req), (uint64_t)-EINVAL);
	tap_check_eq(match(1, 7, -EIO, &req), 0);
	tap_check(req == &write);
	tap_check(qbd_table_finish(&table, req, 0, &freed));
	tap_check_eq(match(1, 7, 0, &req), (uint64_t)-ENOENT);
}

static void open_is_granted_with_an_epoch_or_refused_with_none(void)
{
	struct qbd_request open, *req;

	start();
	qbd_request_init(&open, QBD_OP_OPEN, 0, 0, 0, 0);
	qbd_table_add(&table, &open);
	send_next(1);
	tap_check_eq(match(1, 0, 0, &req), (uint64_t)-EINVAL);
	tap_check_eq(match(1, 0, -EBUSY, &req), 0);
	tap_check_eq(match(1, 12, 0, &req), 0);
}

static void who_finishes_first_wins(void)
{
	struct qbd_request write;

	start();
	add_write(&write, 0, 4 * K);
	send_next(1);
	tap_check(qbd_table_finish(&table, &write, 0, &freed));
	tap_check(!qbd_table_finish(&table, &write, -EIO, &freed));
	tap_check_eq(write.error, 0);
	tap_check_eq(table.n_outstanding, 0);
	tap_check_eq(table.outstanding_bytes, 0);
}

static void new_session_is_sent_all_open_ones_in_order(void)
{
	struct qbd_request write[4];
	int i;

	start();
	for (i = 0; i < 4; i++)
		add_write(&write[i], 0, 4 * K);
	for (i = 0; i < 3; i++)
		send_next(1);
	qbd_table_finish(&table, &write[1], 0, &freed);

	qbd_table_session(&table);
	tap_check(send_next(2) == &write[0]);
	tap_check(send_next(2) == &write[2]);
	tap_check_eq(write[0].wire.tag, 1);
	tap_check_eq(write[2].wire.tag, 3);
	tap_check_eq(write[2].wire.flags, QBD_REQ_F_RESENT);
	/* what no agent was sent is not resent */
	tap_check(send_next(2) == &write[3]);
	tap_check_eq(write[3].wire.tag, 4);
	tap_check_eq(write[3].wire.flags, 0);
	tap_check(!send_next(2));
}

static void handed_over_but_not_sent_is_not_called_resent(void)
{
	struct qbd_request write;

	start();
	add_write(&write, 0, 4 * K);
	qbd_table_take(&table, qbd_table_peek(&table, true));
	qbd_table_session(&table);
	tap_check(send_next(2) == &write);
	tap_check_eq(write.wire.flags, 0);
}

static void full_socket_rewinds_to_what_it_lacks(void)
{
	struct qbd_request write[4];
	int i;

	start();
	for (i = 0; i < 4; i++)
		add_write(&write[i], 0, 4 * K);
	send_next(1);
	qbd_table_take(&table, qbd_table_peek(&table, true));
	qbd_table_take(&table, qbd_table_peek(&table, true));
	qbd_table_rewind(&table, 2);
	tap_check(send_next(1) == &write[1]);
	tap_check(send_next(1) == &write[2]);
	tap_check(send_next(1) == &write[3]);
}

static void request_that_goes_takes_the_cursor_along(void)
{
	struct qbd_request write[3];
	int i;

	start();
	for (i = 0; i < 3; i++) {
		add_write(&write[i], 0, 4 * K);
		send_next(1);
	}
	qbd_table_session(&table);
	qbd_table_finish(&table, &write[0], -EIO, &freed);
	tap_check(send_next(2) == &write[1]);
	qbd_table_finish(&table, &write[2], -EIO, &freed);
	tap_check(!send_next(2));
}

static void done_write_holds_reads_until_applied(void)
{
	struct qbd_request write;
	struct qbd_range read;

	start();
	add_write(&write, 0, 4 * K);
	send_next(1);
	qbd_range_init(&read, 0, 512, true);
	tap_check(!qbd_range_enter(&table.ranges, &read));
	qbd_table_finish(&table, &write, 0, &freed);
	tap_check(list_empty(&freed));
	tap_check_eq(table.n_holds, 1);
	tap_check_eq(qbd_table_applied(&table, 1, &dropped, &freed), 0);
	tap_check(freed.next == &read.freed);
	tap_check(dropped.next == &write.link);
	tap_check_eq(write.refs.refs, 2);
	tap_check_eq(table.n_holds, 0);
}

static void applied_before_done_leaves_no_hold(void)
{
	struct qbd_request write;

	start();
	add_write(&write, 0, 4 * K);
	send_next(1);
	qbd_table_applied(&table, 1, &dropped, &freed);
	qbd_table_finish(&table, &write, 0, &freed);
	tap_check_eq(table.n_holds, 0);
	tap_check_eq(write.refs.refs, 1);
	tap_check(!write.range.seq);
}

static void applied_of_the_dead_session_does_not_count(void)
{
	struct qbd_request write;

	start();
	add_write(&write, 0, 4 * K);
	send_next(1);
	qbd_table_applied(&table, 1, &dropped, &freed);
	/* the next agent may apply it once more */
	qbd_table_session(&table);
	send_next(2);
	qbd_table_finish(&table, &write, 0, &freed);
	tap_check_eq(table.n_holds, 1);
	qbd_table_applied(&table, 1, &dropped, &freed);
	tap_check_eq(table.n_holds, 0);
}

static void aborted_write_holds_when_an_agent_may_have_it(void)
{
	struct qbd_request seen, unseen;

	start();
	add_write(&seen, 0, 4 * K);
	send_next(1);
	add_write(&unseen, 64 * K, 4 * K);
	qbd_table_finish(&table, &unseen, -EIO, &freed);
	qbd_table_finish(&table, &seen, -EIO, &freed);
	tap_check_eq(table.n_holds, 1);
	tap_check_eq(seen.state, QBD_REQUEST_HOLD);
	tap_check_eq(unseen.state, QBD_REQUEST_GONE);
	tap_check_eq(table.n_waiting, 0);
}

static void applied_ends_holds_up_to_its_tag_only(void)
{
	struct qbd_request write[5];
	int i;

	start();
	for (i = 0; i < 5; i++) {
		add_write(&write[i], (uint64_t)i * 64 * K, 4 * K);
		send_next(1);
	}
	for (i = 4; i >= 0; i--)
		qbd_table_finish(&table, &write[i], 0, &freed);
	qbd_table_applied(&table, 3, &dropped, &freed);
	tap_check_eq(table.n_holds, 2);
	tap_check_eq(write[2].state, QBD_REQUEST_GONE);
	tap_check_eq(write[3].state, QBD_REQUEST_HOLD);
	/* going back does nothing, the future is refused */
	tap_check_eq(qbd_table_applied(&table, 1, &dropped, &freed), 0);
	tap_check_eq(qbd_table_applied(&table, 6, &dropped, &freed),
		     (uint64_t)-EINVAL);
	tap_check_eq(table.n_holds, 2);
	tap_check_eq(table.applied, 3);
}

static void blocked_write_gets_its_tag_when_the_read_is_over(void)
{
	struct qbd_request blocked, other;
	struct qbd_range read;

	start();
	qbd_range_init(&read, 0, 4 * K, true);
	qbd_range_enter(&table.ranges, &read);
	add_write(&blocked, 0, 4 * K);
	add_write(&other, 64 * K, 4 * K);
	tap_check(send_next(1) == &other);
	tap_check(!send_next(1));
	qbd_range_leave(&table.ranges, &read, &freed);
	tap_check(freed.next == &blocked.range.freed);
	list_del_init(&blocked.range.freed);
	qbd_table_unblock(&table, &blocked);
	tap_check(send_next(1) == &blocked);
	tap_check_eq(blocked.wire.tag, 2);
}

static void bounds_stop_what_is_new_and_not_what_is_resent(void)
{
	static struct qbd_request writes[QBD_SENT_REQS_MAX + 1];
	unsigned int i;

	start();
	for (i = 0; i <= QBD_SENT_REQS_MAX; i++)
		add_write(&writes[i], 0, 512);
	for (i = 0; i < QBD_SENT_REQS_MAX; i++)
		tap_need(send_next(1) == &writes[i]);
	tap_check(!send_next(1));
	qbd_table_session(&table);
	tap_check(send_next(2) == &writes[0]);
	qbd_table_finish(&table, &writes[0], 0, &freed);
	for (i = 1; i < QBD_SENT_REQS_MAX; i++)
		tap_need(send_next(2) == &writes[i]);
	tap_check(send_next(2) == &writes[QBD_SENT_REQS_MAX]);
}

static void bytes_are_bounded_too(void)
{
	static struct qbd_request
		writes[QBD_SENT_BYTES_MAX / QBD_REQ_DATA_MAX + 1];
	unsigned int i, max = QBD_SENT_BYTES_MAX / QBD_REQ_DATA_MAX;

	start();
	for (i = 0; i <= max; i++)
		add_write(&writes[i], 0, QBD_REQ_DATA_MAX);
	for (i = 0; i < max; i++)
		tap_need(send_next(1) == &writes[i]);
	tap_check(!send_next(1));
	qbd_table_finish(&table, &writes[5], 0, &freed);
	tap_check(send_next(1) == &writes[max]);
}

/* A long random life, with every count checked against what is there */
#define LIVES 64

struct life {
	struct qbd_request req;
	bool alive; /* added and not ended */
	int ends;
};

static void put(struct qbd_request *req)
{
	struct life *life = container_of(req, struct life, req);

	if (refcount_dec_and_test(&req->refs))
		life->alive = false;
}

static void end(struct qbd_request *req, int error)
{
	struct life *life = container_of(req, struct life, req);

	if (!qbd_table_finish(&table, req, error, &freed))
		return;
	life->ends++;
	tap_check_eq(life->ends, 1);
	put(req);
}

static void drop_all(void)
{
	struct qbd_request *req, *next;

	list_for_each_entry_safe(req, next, &dropped, link) {
		list_del_init(&req->link);
		put(req);
	}
}

static bool counts_agree(void)
{
	struct qbd_request *req;
	uint64_t last = 0, bytes = 0;
	unsigned int n = 0;

	list_for_each_entry(req, &table.outstanding, link) {
		if (!tap_check(req->wire.tag > last))
			return false;
		last = req->wire.tag;
		bytes += req->wire.data_bytes;
		n++;
	}
	if (!tap_check_eq(n, table.n_outstanding) ||
	    !tap_check_eq(bytes, table.outstanding_bytes))
		return false;
	last = 0;
	n = 0;
	list_for_each_entry(req, &table.holds, link) {
		if (!tap_check(req->wire.tag > last))
			return false;
		last = req->wire.tag;
		n++;
	}
	return tap_check_eq(n, table.n_holds);
}

static void a_long_random_life_ends_each_request_once(void)
{
	static struct life lives[LIVES];
	struct qbd_request *req;
	uint32_t generation = 1;
	uint64_t seed = 11;
	int turn;

	start();
	for (turn = 0; turn < 300000; turn++) {
		struct life *life = &lives[random_below(&seed, LIVES)];

		switch (random_below(&seed, 16)) {
		case 0:
			/* rarely, or all the time goes into resending */
			if (random_below(&seed, 16))
				break;
			qbd_table_session(&table);
			generation++;
			break;
		case 1:
			if (random_below(&seed, 16))
				break;
			qbd_table_rewind(&table,
					 random_below(&seed, table.next_tag));
			break;
		case 2:
			if (life->alive && life->req.state < QBD_REQUEST_HOLD)
				end(&life->req, -EIO);
			break;
		case 3:
			qbd_table_applied(&table,
					  random_below(&seed, table.next_tag),
					  &dropped, &freed);
			drop_all();
			break;
		case 4 ... 7:
			if (life->alive)
				break;
			life->alive = true;
			life->ends = 0;
			add_write(&life->req, random_below(&seed, 64) * 4096,
				  512);
			break;
		case 8 ... 11:
			send_next(generation);
			break;
		default:
			if (!match(table.next_tag - 1 -
					   random_below(&seed, 200),
				   7, 0, &req))
				end(req, 0);
		}
		if (!counts_agree())
			return;
	}
	tap_check(table.next_tag > 5000);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(tags_are_given_in_the_order_of_handing_over),
		TAP_TEST(shut_gate_lets_calls_and_resends_through_only),
		TAP_TEST(completion_finds_its_request_and_no_other),
		TAP_TEST(open_is_granted_with_an_epoch_or_refused_with_none),
		TAP_TEST(who_finishes_first_wins),
		TAP_TEST(new_session_is_sent_all_open_ones_in_order),
		TAP_TEST(handed_over_but_not_sent_is_not_called_resent),
		TAP_TEST(full_socket_rewinds_to_what_it_lacks),
		TAP_TEST(request_that_goes_takes_the_cursor_along),
		TAP_TEST(done_write_holds_reads_until_applied),
		TAP_TEST(applied_before_done_leaves_no_hold),
		TAP_TEST(applied_of_the_dead_session_does_not_count),
		TAP_TEST(aborted_write_holds_when_an_agent_may_have_it),
		TAP_TEST(applied_ends_holds_up_to_its_tag_only),
		TAP_TEST(blocked_write_gets_its_tag_when_the_read_is_over),
		TAP_TEST(bounds_stop_what_is_new_and_not_what_is_resent),
		TAP_TEST(bytes_are_bounded_too),
		TAP_TEST(a_long_random_life_ends_each_request_once),
	};

	return tap_main(tests, TAP_COUNT(tests), argc, argv);
}
