// SPDX-License-Identifier: MIT
// render.h - the engine without a device: an OSC score in, a sound file out, faster than real time.
#ifndef ENGINE_RENDER_H
#define ENGINE_RENDER_H

/// `chimed render`: argv[0] is "render". Returns the exit code: 0, 1 when something of the score was refused
/// (the file is written all the same) or could not be read or written, 2 for a wrong command line.
int render_main(int argc, char **argv);

#endif
