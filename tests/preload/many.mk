# many.mk - for preload.sh: some hundred targets with much expansion.
#
# SPDX-License-Identifier: MIT

numbers := $(shell i=0; while [ $$i -lt 200 ]; do echo $$i; i=$$((i + 1)); done)
parts := $(foreach n,$(numbers),part.$(n))

all: sum

sum: $(parts)
	@cat $(sort $(parts)) >$@
	@cksum <$@
	@rm -f $(parts)

part.%:
	@echo '$* $(words $(foreach a,$(numbers),$(addprefix $a,x y)))' >$@
