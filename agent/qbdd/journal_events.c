// SPDX-License-Identifier: GPL-2.0
/*
 * The MESSAGE_ID of each event.  One that was published is never changed, nor
 * given to another event; scripts/systemd/qbd.catalog explains each.
 */
#include "qbdd/journal.h"

/* clang-format off */
const struct journal_event journal_events[] = {
	{ "started", "92d88da7749d46a9a028dd665c332d7f" },
	{ "not-started", "e1ca74ee5184406d8abc032b4f70f0a2" },
	{ "stops", "0e1462c41a1e4f2b830f734b79070c9d" },
	{ "stopped", "ba12208f44d04cc5af0c30230cc40dcb" },
	{ "privilege-missing", "b759616991ff4fc493938339e289d545" },
	{ "no-io-uring", "6e04c1e5131a43dca19ae2793e2717d1" },
	{ "log-lost", "ae61a5a537fd4bb9b6b14aa977bb1cb7" },
	{ "replica-open", "c9cd4acdf06649489fc9822011ef5e21" },
	{ "replica-damaged", "53cbfd6a09a04345ab6795bd5a7b8ede" },
	{ "replica-repaired", "3c9ec590b89d4dc4a27f0e20d32f916a" },
	{ "disk-failed", "57312401d600457d9b69da4b8acf6783" },
	{ "needs-data", "f637f63b4b2c452b973b87190c224607" },
	{ "quorum-lost", "4ee50b04383243d58a48268327e1f532" },
	{ "quorum-regained", "05172000d85b40719ccefae4da238d84" },
	{ "quorum-awaited", "351821acafb34abc81efd0ae22d1275c" },
	{ "quorum-reached", "4fe58fac43b34d60a64157e5c938a5e5" },
	{ "leader", "4e2ffb927840463fbcce19d8cd17353a" },
	{ "elections-unsettled", "ead723c9795c4744ac7574553a4c6808" },
	{ "link-up", "b7a109a7ff4941bc880850e6fbf73cc2" },
	{ "link-down", "6b1bc0fb4e78441f834905757c83cdee" },
	{ "link-problem", "c50af365afb24372a867b685b57568ad" },
	{ "link-flaps", "05b70727d3fb4de1bf334a59c75beab2" },
	{ "peer-refused", "9af1b2d791f14a82add52010a4e83cf1" },
	{ "refused-by", "340c73a0b868448a9f721039dfcd8fdd" },
	{ "peer-disk-failed", "184c359d1587487c98f30a022e68b8d8" },
	{ "peer-damaged", "495dedad828744349c9f42f0b51bbf14" },
	{ "peer-repaired", "f019164db07e48be85c306e68093b4f9" },
	{ "diverged", "b83449ef854949278a2a0c2385ad3a25" },
	{ "peer-diverged", "10e982bf7f4e4934be0d149795de028d" },
	{ "copy-begins", "96c8f1a83668449c980fab693696fdf1" },
	{ "copy-progress", "cd0e5c309e994f17b98a3f171a97fbf3" },
	{ "copy-done", "9de763ed0f5a4041a13f9080d0198a48" },
	{ "copy-received-begins", "5f0a522dc49c4349816cc94cde84eeb3" },
	{ "copy-received-done", "9263edb570bf48e6957de797a4ed6310" },
	{ "copy-read-failed", "6b54ef21c6fd4e92b83116ad31d93909" },
	{ "log-read-failed", "d6bc3aed69f0435b95180a0454a6b304" },
	{ "blank-refused", "fa45718b7a87459b86148be655974b30" },
	{ "member", "8ee93ad0d25d4c78a6ac1b4357866fa2" },
	{ "device-made", "594ed057442548a192607a3be3bc2f1f" },
	{ "device-bound", "9687793190e34b878cab6a3a820c5fc0" },
	{ "device-lost", "c40661a3a8f245ad818a36beb4fad0cc" },
	{ "device-missing", "29843e3688204d9bba2c773ca998e1d8" },
	{ "device-removed", "b2cd1bec1b7f41fcaefdc32941f45042" },
	{ "device-opened", "a591887cfcc3434596279bc4ab556ecb" },
	{ "device-holder", "ace265874e2b456abfc1478cb4da8f5f" },
	{ "device-closed", "e1e2cb3b4c094840a012532823921b4a" },
	{ "open-granted", "82af9ec43a9a48ffb17282793780488a" },
	{ "open-refused", "bdc26445b7b9430590997d3b3e358689" },
	{ "open-waits", "1c8b93052a6f4289bb7542490ad24635" },
	{ "gate", "3b60389421704f528a3b1c77dee9cb07" },
	{ "fenced", "cd2f94a1b038428abca302ab43b4bf52" },
	{ "io-failed", "2b13af3f72d342b58176b62e1f81b6c1" },
	{ "configuration", "70621c7a074d4e57a3e564e46cd82ae8" },
	{ "listen-problem", "e89f0dba4416469b80e31a33bbc467de" },
	{ "listens", "3a47ff4193c7466792f4046c907979ad" },
	{ "loop-late", "13f1c336899048c682b4edf184223b2b" },
	{ "loop-late-over", "6be603051e764612ab91f35ab449dfe9" },
	{ "not-run", "ccee33671e6041048d51dc35f0a02e57" },
	{ "socket-not-shared", "82d5d7ddc0d44cff95f8de72622ed0d2" },
};
/* clang-format on */

const unsigned int journal_event_count =
	sizeof(journal_events) / sizeof(journal_events[0]);
