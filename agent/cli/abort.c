// SPDX-License-Identifier: GPL-2.0
/* qbd abort: the way out when I/O waits for a quorum that will not come. */
#include <errno.h>
#include <stdio.h>

#include "cli/cli.h"
#include "nl/nl.h"

static enum cli_exit run(const struct cli_args *args)
{
	const char *volume = args->words[0].text;
	struct base_error error;
	struct nl_admin *admin;
	int ret;

	if (nl_admin_open(&admin, &error))
		return cli_fail("%s", error.text);
	ret = nl_device_abort(admin, volume, &error);
	nl_admin_close(admin);
	if (ret == -ENODEV)
		return cli_fail("volume %s has no device on this node; qbd "
				"status shows those that have",
				volume);
	if (ret)
		return cli_fail("%s", error.text);
	printf("%s: all waiting I/O has failed; if the device was open for "
	       "writing, it is fenced until its last close\n",
	       volume);
	return CLI_DONE;
}

const struct cli_command cli_abort = {
	.name = "abort",
	.summary = "Fail all waiting I/O of this node's device at once",
	.help = "Every request and every open that waits fails with EIO.  If "
		"the device is open\nfor writing, all further I/O fails as "
		"well, until everything that has it open\nhas closed it.  "
		"Nothing that was acknowledged is lost.  Works without quorum\n"
		"and without the agent.\n",
	.words = { CLI_WORD_VOLUME },
	.run = run,
};
