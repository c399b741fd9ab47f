/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KSHIM_ERR_H
#define KSHIM_ERR_H

#define MAX_ERRNO 4095

#endif
