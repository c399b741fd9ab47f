# SPDX-License-Identifier: GPL-2.0
#
# qbd: what people type.  `make help` lists the targets.
#
# The agent is built twice: build/obj as shipped, build/asan under ASan and
# UBSan for the tests.  The module is built once per kernel, into
# build/<kernel>/ (scripts/build-module).

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

VERSION := 0.1.0
KERNELS := 6.1 6.12
ifeq ($(origin CC),default)
CC := gcc
endif
B := build

prefix ?= /usr
sbindir ?= $(prefix)/sbin
docdir ?= $(prefix)/share/doc/qbd
DESTDIR ?=

PKGS := libnl-3.0 libnl-genl-3.0 libconfig jansson liburcu liburcu-cds blkid uuid
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS = $(shell pkg-config --libs $(PKGS)) -lisal -lpthread

WARN := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes \
	-Wshadow -Wpointer-arith -Wvla -Wno-unused-parameter
CPPFLAGS_ALL = -D_GNU_SOURCE -DQBD_VERSION='"$(VERSION)"' \
	-Iagent -Iuapi $(PKG_CFLAGS)
CFLAGS ?= -O2 -g
CFLAGS_ALL = -std=gnu11 $(CFLAGS) $(WARN) -fno-strict-aliasing \
	-fstack-protector-strong -MMD -MP
ASAN_FLAGS := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer

LIB_SRCS := $(filter-out agent/qbdd/main.c agent/cli/%.c, \
	$(wildcard agent/*/*.c))
CLI_SRCS := $(wildcard agent/cli/*.c)

LIB_OBJS := $(LIB_SRCS:%.c=$(B)/obj/%.o)
CLI_OBJS := $(CLI_SRCS:%.c=$(B)/obj/%.o)
ASAN_OBJS := $(LIB_SRCS:%.c=$(B)/asan/%.o)

PROGRAMS := $(if $(wildcard agent/qbdd/main.c),$(B)/agent/qbdd) \
	$(if $(wildcard agent/cli/main.c),$(B)/agent/qbd)
UNIT_BINS := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*.c))
SIM_BINS := $(patsubst %.c,$(B)/%,$(wildcard tests/sim/*.c))
VM_BINS := $(patsubst %.c,$(B)/%,$(wildcard tests/vm/*.c))

# A test's first line may name further flags and sources: /* build: ... */
extra = $(shell sed -n '1s:^/\* build\: \(.*\) \*/$$:\1:p' $<)

.PHONY: all agent module tests clean help

all: agent module

agent: $(PROGRAMS)

module: $(KERNELS:%=module-%)
module-%:
	@scripts/build-module $*

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<

$(B)/asan/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(ASAN_FLAGS) -c -o $@ $<

$(B)/obj/libagent.a: $(LIB_OBJS)
	@rm -f $@
	$(AR) crs $@ $^

$(B)/asan/libagent.a: $(ASAN_OBJS)
	@rm -f $@
	$(AR) crs $@ $^

$(B)/agent/qbdd: $(B)/obj/agent/qbdd/main.o $(B)/obj/libagent.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(B)/agent/qbd: $(CLI_OBJS) $(B)/obj/libagent.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

tests: $(UNIT_BINS) $(SIM_BINS) $(VM_BINS)

$(UNIT_BINS): $(B)/tests/unit/%: tests/unit/%.c $(B)/asan/libagent.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -I. -Itests/unit $(CFLAGS_ALL) $(ASAN_FLAGS) \
		-o $@ $< $(extra) $(B)/asan/libagent.a $(PKG_LIBS)

# Simulations run for many virtual hours: optimized, assertions stay on.
$(SIM_BINS): $(B)/tests/sim/%: tests/sim/%.c $(B)/obj/libagent.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -I. -Itests/unit $(CFLAGS_ALL) \
		-o $@ $< $(extra) $(B)/obj/libagent.a $(PKG_LIBS)

$(VM_BINS): $(B)/tests/vm/%: tests/vm/%.c $(B)/obj/libagent.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -I. -Itests/unit -Itests/vm $(CFLAGS_ALL) \
		-o $@ $< $(extra) $(B)/obj/libagent.a $(PKG_LIBS)

clean:
	rm -rf $(B)/agent $(B)/obj $(B)/asan $(B)/tests $(KERNELS:%=$(B)/%)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
