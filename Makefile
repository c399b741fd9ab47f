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
unitdir ?= $(prefix)/lib/systemd/system
udevdir ?= $(prefix)/lib/udev/rules.d
RUNNING := $(shell uname -r)
moddir ?= /lib/modules/$(RUNNING)/updates
DESTDIR ?=

ifeq ($(V),1)
Q :=
say :=
else
Q := @
say = @printf '  %-7s %s\n' $(1) $@;
endif

PKGS := liburing libnl-3.0 libnl-genl-3.0 libconfig jansson liburcu liburcu-cds blkid uuid libsystemd
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS = $(shell pkg-config --libs $(PKGS)) -lisal -lpthread

WARN := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes \
	-Wshadow -Wpointer-arith -Wvla -Wno-unused-parameter
# CPPFLAGS, CFLAGS and LDFLAGS of the environment (dpkg-buildflags) come last.
# What is fortified can't be sanitized, and needs optimization.
CPPFLAGS_ALL = -D_GNU_SOURCE -DQBD_VERSION='"$(VERSION)"' \
	-Iagent -Iuapi $(PKG_CFLAGS) \
	$(filter-out -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=%,$(CPPFLAGS))
CFLAGS_ALL = -std=gnu11 -O2 -g $(WARN) -fno-strict-aliasing \
	-fstack-protector-strong -MMD -MP $(CFLAGS)
SHIP_CFLAGS = -fPIE $(or $(filter -D_FORTIFY_SOURCE=%,$(CPPFLAGS) $(CFLAGS)), \
	$(if $(filter -O0,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2))
SHIP_LDFLAGS = -pie -Wl,-z,relro -Wl,-z,now $(CFLAGS) $(LDFLAGS)
ASAN_FLAGS := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer

# libFuzzer is clang's, whatever builds the rest.
FUZZ_CC := clang
FUZZ_FLAGS := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer

LIB_SRCS := $(filter-out agent/qbdd/main.c agent/cli/main.c, \
	$(wildcard agent/*/*.c))

LIB_OBJS := $(LIB_SRCS:%.c=$(B)/obj/%.o)
ASAN_OBJS := $(LIB_SRCS:%.c=$(B)/asan/%.o)
FUZZ_OBJS := $(LIB_SRCS:%.c=$(B)/fuzz/obj/%.o)

PROGRAMS := $(if $(wildcard agent/qbdd/main.c),$(B)/agent/qbdd) \
	$(if $(wildcard agent/cli/main.c),$(B)/agent/qbd)
UNIT_BINS := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*.c))
SIM_BINS := $(patsubst %.c,$(B)/%,$(wildcard tests/sim/*.c))
SCENARIO_BINS := $(patsubst %.c,$(B)/%,$(wildcard tests/scenario/*.c))
FUZZ_BINS := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/*.c))
VM_BINS := $(patsubst %.c,$(B)/%,$(wildcard tests/vm/*.c))

# A test's first line may name further flags and sources: /* build: ... */
extra = $(shell sed -n '1s:^/\* build\: \(.*\) \*/$$:\1:p' $<)

.PHONY: all agent module tests check check-long check-unit scenarios fuzz sim demo bench bench-scale lint \
	coverage coverage-programs \
	setup install uninstall clean help print-cflags

all: agent module

help:
	@echo 'make all             the agent, the command, and the module for $(KERNELS)'
	@echo 'make agent           the agent and the command (build/agent)'
	@echo 'make module-running  the module for the running kernel (build/running)'
	@echo 'make demo            set-up, build, and the main job in a guest'
	@echo 'make check           set-up, build, and all tests but the longest'
	@echo 'make check-long      these as well; takes hours'
	@echo 'make check-unit      the unit tests alone'
	@echo 'make scenarios       the scripts of tests/scenario (REWRITE=1: new traces)'
	@echo 'make fuzz            each target of tests/fuzz for FUZZ_SECONDS (600)'
	@echo 'make sim SEEDS=1..N  whole volumes from N seeds (SEED=K TRACE=1 for one)'
	@echo 'make coverage        which branches of $(COVER_FOLDERS) the tests take'
	@echo 'make bench           compares with DRBD and md in a guest (build/bench);'
	@echo '                     QUICK=1: some minutes, to compare two versions'
	@echo 'make bench-scale     what qbd costs as the work grows (build/bench-scale)'
	@echo 'make lint            every checker; silent when all is well'
	@echo 'make install         programs, units, udev rule, documents (DESTDIR, prefix),'
	@echo '                     and the module for the running kernel when it is built'
	@echo 'make uninstall       what make install has installed'
	@echo 'make clean'
	@echo 'V=1 shows the commands.'

agent: $(PROGRAMS)

module: $(KERNELS:%=module-%)

# Phony targets take no implicit rule: these are named.
MODULES := $(KERNELS:%=module-%) module-running
.PHONY: $(MODULES)
$(MODULES): module-%:
	+@scripts/build-module $*

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(SHIP_CFLAGS) -c -o $@ $<

$(B)/asan/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(ASAN_FLAGS) -c -o $@ $<

$(B)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,FUZZ)$(FUZZ_CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) \
		$(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

$(B)/obj/libagent.a: $(LIB_OBJS)
	@rm -f $@
	$(call say,AR)$(AR) crs $@ $^

$(B)/asan/libagent.a: $(ASAN_OBJS)
	@rm -f $@
	$(call say,AR)$(AR) crs $@ $^

$(B)/fuzz/libagent.a: $(FUZZ_OBJS)
	@rm -f $@
	$(call say,AR)$(AR) crs $@ $^

$(B)/agent/qbdd: $(B)/obj/agent/qbdd/main.o $(B)/obj/libagent.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(SHIP_LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(B)/agent/qbd: $(B)/obj/agent/cli/main.o $(B)/obj/libagent.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(SHIP_LDFLAGS) -o $@ $^ $(PKG_LIBS)

tests: $(UNIT_BINS) $(SCENARIO_BINS) $(FUZZ_BINS) $(SIM_BINS) $(VM_BINS)

$(UNIT_BINS): $(B)/tests/unit/%: tests/unit/%.c $(B)/asan/libagent.a \
		$(wildcard tests/lib/*)
	@mkdir -p $(@D)
	$(call say,TEST)$(CC) $(CPPFLAGS_ALL) -I. -Itests/unit $(CFLAGS_ALL) \
		$(ASAN_FLAGS) -o $@ $< $(extra) $(B)/asan/libagent.a $(PKG_LIBS)

$(foreach test,$(UNIT_BINS),$(if $(findstring /kmod_,$(test)),$(test))): \
	$(wildcard kmod/*.[ch] tests/fuzz/kshim/*.h)

$(SCENARIO_BINS): $(B)/tests/scenario/%: tests/scenario/%.c \
		$(wildcard tests/scenario/rig/*.[ch]) $(B)/asan/libagent.a
	@mkdir -p $(@D)
	$(call say,TEST)$(CC) $(CPPFLAGS_ALL) -I. -Itests/unit $(CFLAGS_ALL) \
		$(ASAN_FLAGS) -o $@ $(filter %.c %.a,$^) $(PKG_LIBS)

$(FUZZ_BINS): $(B)/tests/fuzz/%: tests/fuzz/%.c \
		$(wildcard tests/fuzz/*/*.[ch] tests/lib/* kmod/*.[ch]) \
		$(B)/fuzz/libagent.a
	@mkdir -p $(@D)
	$(call say,FUZZ)$(FUZZ_CC) $(CPPFLAGS_ALL) -I. -Itests/unit -Itests/fuzz \
		$(CFLAGS_ALL) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $< \
		$(extra) $(B)/fuzz/libagent.a $(PKG_LIBS)

# Simulations run for many virtual hours: optimized, assertions stay on.
$(filter-out %/planted_bugs %/planted_scenes,$(SIM_BINS)): $(B)/tests/sim/%: tests/sim/%.c $(B)/obj/libagent.a \
		$(wildcard tests/sim/*/*.[ch] tests/lib/*)
	@mkdir -p $(@D)
	$(call say,TEST)$(CC) $(CPPFLAGS_ALL) -I. -Itests/unit $(CFLAGS_ALL) \
		-o $@ $< $(extra) $(B)/obj/libagent.a $(PKG_LIBS)

# Programs for guests speak through the kernel's own kselftest.h.
KSELFTEST := $(B)/kselftest/complete
$(KSELFTEST):
	@scripts/kselftest-get

# The simulator proper: its model is shared by several programs.
MODEL_SRCS := $(wildcard tests/sim/model/*.c) tests/lib/disk.c
$(B)/obj/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS_ALL) -I. $(CFLAGS_ALL) -c -o $@ $<

$(B)/tests/sim/cluster_sim: $(MODEL_SRCS:%.c=$(B)/obj/%.o)
$(B)/tests/sim/cluster_sim: extra = $(MODEL_SRCS:%.c=$(B)/obj/%.o)

# The same by the other compiler, if it is there: it must do the same.
OTHER_CC := $(shell command -v $(if $(findstring clang,$(CC)),gcc,clang))
OTHER_SRCS := $(foreach folder,base raft wire store lanes node, \
	$(wildcard agent/$(folder)/*.c)) $(MODEL_SRCS) tests/sim/cluster_sim.c
$(B)/other/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)$(OTHER_CC) $(CPPFLAGS_ALL) -I. $(CFLAGS_ALL) -c -o $@ $<

$(B)/other/cluster_sim: $(OTHER_SRCS:%.c=$(B)/other/%.o)
	$(call say,LD)$(OTHER_CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(B)/tests/sim/same_trace: $(B)/tests/sim/cluster_sim \
	$(if $(OTHER_CC),$(B)/other/cluster_sim)

# The same once more, with the bugs of agent/base/planted.h in it.
PLANT_SRCS := $(foreach folder,base raft wire store lanes node, \
	$(wildcard agent/$(folder)/*.c)) $(MODEL_SRCS) tests/sim/planted_bugs.c
$(B)/plant/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS_ALL) -DQBD_PLANT -I. -Itests/unit \
		$(CFLAGS_ALL) -c -o $@ $<

$(B)/tests/sim/planted_bugs: $(PLANT_SRCS:%.c=$(B)/plant/%.o)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

SCENE_PLANT_SRCS := $(wildcard agent/base/*.c agent/raft/*.c tests/scenario/rig/*.c) \
	tests/sim/planted_scenes.c
$(B)/tests/sim/planted_scenes: $(SCENE_PLANT_SRCS:%.c=$(B)/plant/%.o)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

# The folders whose branches are counted, and what runs them.  Only they are
# compiled for it: without optimization, so that each branch is one of the
# source's, and without assertions, which are no branches to take.  The
# counters are gcc's, whatever builds the rest.
COVER_FOLDERS := raft node store wire
COVER_SRCS := $(foreach folder,$(COVER_FOLDERS),$(wildcard agent/$(folder)/*.c))
COVER_OBJS := $(COVER_SRCS:%.c=$(B)/coverage/%.o)
COVER_BINS := $(patsubst %.c,$(B)/coverage/%,tests/sim/cluster_sim.c \
	tests/sim/raft_sim.c tests/scenario/scenario.c tests/unit/lanes.c \
	$(foreach folder,$(COVER_FOLDERS),$(wildcard tests/unit/$(folder)_*.c)))
$(B)/coverage/%.o: %.c
	@mkdir -p $(@D)
	$(call say,COVER)gcc $(CPPFLAGS_ALL) -DNDEBUG $(CFLAGS_ALL) -O0 \
		-Wno-unused --coverage -c -o $@ $<

$(B)/coverage/libagent.a: $(COVER_OBJS) \
		$(patsubst %.c,$(B)/obj/%.o,$(filter-out $(COVER_SRCS),$(LIB_SRCS)))
	@rm -f $@
	$(call say,AR)$(AR) crs $@ $^

# Their processes end by _exit() as well: tests/lib/counted.c keeps the counts.
$(COVER_BINS): $(B)/coverage/%: %.c tests/lib/counted.c $(B)/coverage/libagent.a \
		$(wildcard tests/lib/* tests/scenario/rig/* tests/sim/raft/*)
	@mkdir -p $(@D)
	$(call say,COVER)gcc $(CPPFLAGS_ALL) -I. -Itests/unit $(CFLAGS_ALL) \
		-Wl,--wrap=_exit -o $@ $< $(extra) tests/lib/counted.c \
		$(B)/coverage/libagent.a -lgcov $(PKG_LIBS)

$(B)/coverage/tests/sim/cluster_sim: extra = $(MODEL_SRCS:%.c=$(B)/obj/%.o)
$(B)/coverage/tests/sim/cluster_sim: $(MODEL_SRCS:%.c=$(B)/obj/%.o)
$(B)/coverage/tests/scenario/scenario: extra = $(wildcard tests/scenario/rig/*.c)

$(VM_BINS): $(B)/tests/vm/%: tests/vm/%.c $(B)/obj/libagent.a \
		$(wildcard tests/vm/rig/*.[ch]) | $(KSELFTEST)
	@mkdir -p $(@D)
	$(call say,TEST)$(CC) $(CPPFLAGS_ALL) -I. -Itests/unit -Itests/vm \
		-DTAP_KSELFTEST -isystem $(B)/kselftest/tools/testing/selftests \
		$(CFLAGS_ALL) -o $@ $< $(extra) $(B)/obj/libagent.a $(PKG_LIBS)

# What a newcomer types sets up what is missing first.
setup:
	@scripts/setup build test

# As many jobs as processors, unless the caller said how many.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

demo: setup
	@$(MAKE) --no-print-directory $(JOBS) agent module-6.1
	@scripts/demo

check: setup
	@$(MAKE) --no-print-directory $(JOBS) all tests
	@scripts/check

check-long: setup
	@$(MAKE) --no-print-directory $(JOBS) all tests
	@QBD_CHECK_LONG=1 scripts/check

check-unit: $(UNIT_BINS)
	@scripts/check unit

# REWRITE=1 makes what is seen the expected traces: judge the difference.
scenarios: $(SCENARIO_BINS)
	@$< $(if $(REWRITE),--rewrite) $(SCRIPT)

FUZZ_SECONDS ?= 600
fuzz: $(FUZZ_BINS)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/check fuzz

SEEDS ?= $(if $(SEED),$(SEED)..$(SEED),1..10000)
sim: $(B)/tests/sim/cluster_sim
	@$(if $(TRACE),TRACE=$(TRACE)) $< $(subst .., ,$(SEEDS))

coverage:
	@scripts/setup build test
	@$(MAKE) --no-print-directory $(JOBS) coverage-programs
	@scripts/coverage

coverage-programs: $(COVER_BINS)

bench:
	@scripts/setup build test bench
	@$(MAKE) --no-print-directory $(JOBS) agent module-6.1
	@scripts/bench $(if $(QUICK),--quick)

bench-scale:
	@scripts/setup build test bench
	@$(MAKE) --no-print-directory $(JOBS) agent module-6.1
	@scripts/bench --scale

lint:
	@scripts/setup build lint
	@scripts/lint

# scripts/install has the list of what goes where, for both.
INSTALL_ENV = B='$(B)' DESTDIR='$(DESTDIR)' prefix='$(prefix)' sbindir='$(sbindir)' \
	docdir='$(docdir)' unitdir='$(unitdir)' udevdir='$(udevdir)' \
	moddir='$(moddir)' RUNNING='$(RUNNING)'

install: agent
	@$(INSTALL_ENV) scripts/install install

uninstall:
	@$(INSTALL_ENV) scripts/install uninstall

print-cflags:
	@echo '$(CPPFLAGS_ALL)'

clean:
	rm -rf $(B)/agent $(B)/obj $(B)/asan $(B)/plant $(B)/other $(B)/fuzz/obj $(B)/tests $(B)/check \
		$(B)/coverage $(KERNELS:%=$(B)/%) $(B)/running

-include $(shell find $(B)/obj $(B)/asan $(B)/plant $(B)/other $(B)/fuzz/obj $(B)/coverage $(B)/tests -name '*.d' 2>/dev/null)
