/* SPDX-License-Identifier: MIT */
/*
 * The Python program that runs a notebook: the files of agent/notebook/driver/ one after the
 * other, made into a string by scripts/embed.sh. Started as
 *     PYTHON -c NOTEBOOK_DRIVER [OPTION]... IN OUT
 * with the notebook's folder as working directory; base.py has the contract, main.py the options.
 */
#ifndef NOTEBOOK_DRIVER_H
#define NOTEBOOK_DRIVER_H

extern const char NOTEBOOK_DRIVER[];

#endif
