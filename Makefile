# procagent: one static binary. `make help` lists the targets.
VERSION := 0.1.0
CC      ?= gcc
B       := build
# A minimal static libcurl, which the distribution does not have: made by scripts/curl.sh.
CURL    := build/curl

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
        -Wpointer-arith -Wvla -Wformat=2 -Wswitch-enum -Wundef -Wcast-qual
HARD := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -ffunction-sections \
        -fdata-sections
CPPFLAGS_ALL := -std=c11 -D_GNU_SOURCE -DPROCAGENT_VERSION='"$(VERSION)"' -Iagent \
                -isystem $(CURL)/include $(CPPFLAGS)
CFLAGS_ALL   := $(WARN) $(HARD) $(if $(CI),-Werror) $(CFLAGS)
LDFLAGS_ALL  := -static-pie -Wl,-z,relro,-z,now,--gc-sections $(LDFLAGS)
LIBS := $(CURL)/lib/libcurl.a -lssl -lcrypto -lcares -lexpat -linih -ljansson -larchive \
        -lnettle -lzstd -llzma -lbz2 -ldeflate -lz -lpthread

# Sources by stage, in the order data flows.
BASE      := err mem str path io dir hidden mount newfile number calendar clock utf8 env tz log \
             signals cpu parallel crew program shrink pargz locate progress filename glob
CONFIG    := args ini json settings table words moves notebook packing sources folder ranks config
STORE     := store folder s3 s3_get s3_put call caller sockets request verdict address answer \
             digest credentials profile
STAGE     := stage plan manifest space undo pipe gunzip unpack packed member merge
RUN       := run spawn supervise family fds tail user status
PARTITION := partition rules moves leaves split rows parts keys source scan masks gzip rewrite \
             journal layout match isotime tree hive
PACK      := pack bundle tarball zipfile
NOTEBOOK  := notebook collect interpreter edit cells redact outcome jsontext params nbname kernels
PUBLISH   := publish items hosts modes ends continuous
REPORT    := report facts listing plan
SRC := agent/job.c $(BASE:%=agent/base/%.c) $(CONFIG:%=agent/config/%.c) \
       $(STORE:%=agent/store/%.c) $(STAGE:%=agent/stage/%.c) $(RUN:%=agent/run/%.c) \
       $(PARTITION:%=agent/partition/%.c) $(PACK:%=agent/pack/%.c) \
       $(NOTEBOOK:%=agent/notebook/%.c) \
       $(PUBLISH:%=agent/publish/%.c) $(REPORT:%=agent/report/%.c)
GEN := $(B)/gen/tzdata.c $(B)/gen/roots.c $(B)/gen/driver.c

UNIT := $(patsubst test/unit/%.c,%,$(wildcard test/unit/test_*.c))
FUZZ := $(patsubst test/fuzz/%.c,%,$(wildcard test/fuzz/fuzz_*.c))

OBJ := $(SRC:%.c=$(B)/obj/%.o) $(GEN:$(B)/%.c=$(B)/obj/%.o)
LIB := $(B)/libprocagent.a

all: $(B)/procagent ## build build/procagent, fully static

$(B)/procagent: $(B)/obj/agent/main.o $(LIB)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@.tmp $^ $(LIBS)
	strip -o $@ $@.tmp && mv $@.tmp $@.debug

$(LIB): $(OBJ)
	rm -f $@ && ar rcs $@ $^

$(CURL)/lib/libcurl.a: scripts/curl.sh scripts/curl.patch
	scripts/curl.sh $(CURL)

$(B)/obj/%.o: %.c | $(CURL)/lib/libcurl.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<
$(B)/obj/gen/%.o: $(B)/gen/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# Time zones: read from the build machine's tzdata, embedded as a table.
$(B)/tzgen: scripts/tzgen.c agent/base/tz.c agent/base/calendar.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -o $@ $^
$(B)/gen/tzdata.c: $(B)/tzgen
	@mkdir -p $(@D)
	$(B)/tzgen /usr/share/zoneinfo $@
# Roots of trust for images without any.
$(B)/gen/roots.c: scripts/roots.sh
	@mkdir -p $(@D)
	scripts/roots.sh $@
# The Python program that runs notebooks.
DRIVER := $(addprefix agent/notebook/driver/,base.py nbclient.py papermill.py main.py)
$(B)/gen/driver.c: scripts/embed.sh $(DRIVER)
	@mkdir -p $(@D)
	scripts/embed.sh NOTEBOOK_DRIVER $@ notebook/driver.h $(DRIVER)

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

size: $(B)/procagent ## the stripped binary's size
	@stat -c '%n: %s bytes stripped' $<

# ---- tests: every suite prints TAP; scripts/run-tests.sh counts ----
TEST_LIBS := -lcmocka -lcsv $(LIBS)
$(B)/unit/%: test/unit/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -o $@ $< $(LIB) $(TEST_LIBS)
$(B)/unit/test_tz: scripts/tzgen.c
$(B)/test/tzdump: test/tz/tzdump.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -o $@ $< $(LIB)
PID1_HELPER := test/pid1/helper.c test/pid1/orphans.c
PID1_C := $(filter-out $(PID1_HELPER),$(wildcard test/pid1/*.c))
$(B)/test/pid1/conform: $(PID1_C) test/pid1/conform.h test/pid1/helper.h
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O2 -o $@ $(PID1_C)
$(B)/test/pid1/helper: $(PID1_HELPER) test/pid1/helper.h
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O2 -static -o $@ $(PID1_HELPER)
# Data and peers of the benchmarks.
$(B)/bench/%: test/bench/%.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O2 -o $@ $<
# Fuzz targets: the library is built once with clang's coverage and sanitizers, then linked to each.
FUZZ_FLAGS := -O1 -g -fno-sanitize-recover=undefined
$(B)/fuzz/%: test/fuzz/%.c test/fuzz/fuzz.h fuzz-library
	@mkdir -p $(@D)
	clang $(CPPFLAGS_ALL) $(WARN) $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined -o $@ $< \
	    $(B)/fuzz-lib/libprocagent.a -lcsv $(LIBS)
fuzz-library:
	$(MAKE) CC=clang B=$(B)/fuzz-lib LDFLAGS_ALL= \
	    HARD='$(FUZZ_FLAGS) -fsanitize=fuzzer-no-link,address,undefined' $(B)/fuzz-lib/libprocagent.a
-include $(wildcard $(B)/unit/*.d)

unit-programs: $(UNIT:%=$(B)/unit/%)
fuzz-programs: $(FUZZ:%=$(B)/fuzz/%)
bench-programs: $(patsubst test/bench/%.c,$(B)/bench/%,$(wildcard test/bench/*.c))
helpers: $(B)/test/tzdump $(B)/test/pid1/conform $(B)/test/pid1/helper
# A dynamic build with sanitizers, for the unit and behaviour suites.
ASAN := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
asan: ## the program and unit tests with ASan and UBSan, in build/asan
	$(MAKE) B=$(B)/asan HARD='$(ASAN)' LDFLAGS_ALL= $(B)/asan/procagent unit-programs

SUITES = lint unit asan tz behaviour notebook split fault s3 pid1 fuzz docker
check: ## everything: lint, unit, sanitizers, behaviour, faults, fuzz smoke, Docker
	scripts/run-tests.sh $(SUITES)
test: ## the quick half: unit and behaviour
	scripts/run-tests.sh unit behaviour
lint: ## style, clang-tidy, cppcheck, shellcheck
	scripts/run-tests.sh lint
peers: all ## the test suites of dumb-init and tini against procagent (downloads their sources)
	scripts/run-tests.sh peers
bench: all ## speed and memory against the named peers; writes test/bench/RESULTS.md
	scripts/bench.sh
fmt: ## clang-format in place
	clang-format -i $(shell git ls-files '*.c' '*.h')
clean: ## remove build/
	rm -rf $(B)
help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 14

.PHONY: all size unit-programs fuzz-programs fuzz-library bench-programs helpers asan check test \
        lint peers bench fmt clean help
