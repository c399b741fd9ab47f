/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The status: the JSON of `qbd status`, and of the command of that name
 * (command.h).
 *
 * Integers are unsigned unless null; null is "not known" or "none".  Fields are
 * only ever added.
 *
 *	volume		name
 *	id		uuid text
 *	node, node_id	which node this is
 *	version		of the daemon
 *	disk		path of this node's replica, as configured
 *	meta_disk	path of the disk of its log and metadata, null: the same
 *	pid		of the daemon
 *	state		the worst of
 *			"ok"		all nodes work, and nothing is wrong
 *			"degraded"	the volume serves, but not all is well:
 *					see problems
 *			"catching-up"	this replica is being filled, is behind,
 *					or its node leads and has yet to apply
 *					what was before
 *			"starting"	recovering, or no leader yet 5 s after
 *					the agent's start
 *			"no-quorum"	no leader with a majority is known
 *			"damaged"	this replica must be filled by a leader, or
 *					contradicts it
 *			"disk-failed"	this node's disk has failed
 *			"hung"		the agent's loop hangs
 *	since_ms	how long it has been in this state
 *	problem		all of problems' texts in one; "" if there are none
 *	problems	what is wrong, worst first as far as it can be told:
 *	  what		"agent-hangs" "starting" "disk-slow" "no-device"
 *			"not-reachable" (no peer can connect to this agent)
 *			"fenced" (this node's writer has lost its right)
 *			"terms-rise" (leaders are lost again and again)
 *			"configuration" (a mistake in it; changes no state)
 *			"nodes-differ" (that node lists other nodes in its
 *			configuration; changes no state)
 *			"timeout-differs" (that node has another
 *			election-timeout; changes no state)
 *			of this node's replica: "diverged" (it contradicts the
 *			leader's, so the node has stopped) "disk-failed"
 *			"damaged" "filled"
 *			"behind" "catching-up" "no-member" "no-quorum"
 *			of another node: "node-missing" "node-refused" (by it or
 *			by us) "node-silent" (its link is up, nothing arrives)
 *			"path-stuck" (large packets are lost on the way)
 *			"node-disk-failed" "node-damaged" "node-filled"
 *			"node-blank" (and no leader: it can't begin the volume)
 *			"node-diverged" (its log contradicts the others')
 *			"node-behind" "size-differs" (of the volume there)
 *	  node		the node it is about
 *	  text		for humans, with the remedy
 *	listen_problem	why peers may not reach this node, with the remedy; ""
 *	term
 *	term_changed_ms	so long it has been this one; null: since the start
 *	term_changes	how often it rose within the last minute
 *	role		"leader" "candidate" "precandidate" "follower"
 *	leader		name or null
 *	commit		newest index known committed
 *	writer		name of the node that has it open for writing, or null
 *	epoch		of that opening, 0: none
 *	log		{ "base": index before the log's first entry,
 *			  "last", "durable", "commit", "applied": indexes here,
 *			  "capacity_bytes", "used_bytes" }
 *	nodes		of each node, by id:
 *	  name, id, address
 *	  self		true: this one
 *	  role		as above, "unknown" when nothing was heard
 *	  link		"self" "up" "handshake" "connecting" "down"
 *			"silent": it stands, but nothing was heard for 2 s, of
 *			what a node sends every half second
 *	  problem	why its link is not up, or what it said is wrong; ""
 *	  term, last, durable, commit, applied
 *			as it told last, null: never
 *	  match		held durably for sure; a leader knows it, else null
 *	  lacks		committed entries it does not hold durably, null: not
 *			known, as of a node that is not heard
 *	  copy_percent	0 to 100 while its data area is being copied, else null
 *	  copied_bytes	the same in bytes of the data area
 *	  heard_ms	since it was heard last; 0 for self, null: never
 *	  device_open	its device is open for writing
 *	  incomplete, damaged, disk_failed
 *			true or false
 *	  refused	it refused us, or we it, when they tried last: problem
 *			says why (others only, as the next)
 *	  unacked_bytes	sent to it, and not acknowledged by its kernel
 *	  stuck_ms	so long none of them has been; looked at once a second
 *
 *	device_held	the agent has the device's queue: its requests reach it
 *	age_ms		of this picture: the loop makes one at least every second
 *
 * status.schema.json beside this says the same to programs (JSON schema, draft 7).
 *
 * `qbd status --json` adds what the kernel knows, so that it is there when the
 * daemon is not; VOLUME given: one object; else an array of them.
 *
 *	daemon		"running" "hung" (no answer in 800 ms) "dead" "unknown"
 *			(it can't be asked: neither root nor of group qbd,
 *			another version)
 *	state		without the daemon's: "hung", "unknown", "dead" (the
 *			device is there) or "down"
 *	device_problem	why nothing is known of the device, "" if all is
 *			To who may not ask the kernel, sysfs tells that a device
 *			is there: then it has minor, path, size_bytes alone
 *	device		null when there is none, else { "minor", "path",
 *			  "size_bytes", "block_size", "replica",
 *			  "data_offset": byte of the replica where the volume
 *				begins,
 *			  "gate": "detached" "active" "suspended" "fenced"
 *				"removed",
 *			  "gate_reason", "lease_ms": left, 0: none, "epoch",
 *			  "openers", "writers",
 *			  "opener": { "pid", "comm" } or null,
 *			  "agent": bound or not, "io_timeout_ms",
 *			  and every counter of struct qbd_stats by its name }
 *
 * `qbd status --check` exits with 0 when all is well, 1 when the volume serves
 * and not all is well ("degraded", "catching-up", and "starting" for the first
 * 30 s), 2 in every other state and where the device serves nobody: gate
 * "fenced" or "detached", or "suspended" and open for writing here; "no-device".
 */
#ifndef CONTROL_STATUS_H
#define CONTROL_STATUS_H

#include <jansson.h>

#define CONTROL_TEXT_MAX 2048 /* of what is not UTF-8; the rest is cut off */

/**
 * control_text() - a string, whatever bytes are in it
 * JSON is UTF-8; a text that was cut off, that a peer wrote or that a process
 * calls itself may not be: each byte that is not ASCII becomes a "?" then.
 * Return: one reference, the caller's
 */
json_t *control_text(const char *text);

#endif
