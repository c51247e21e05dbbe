// SPDX-License-Identifier: MIT
// sound_files.h - sound files in memory, in every format that libsndfile writes.
#ifndef TESTS_SOUND_FILES_H
#define TESTS_SOUND_FILES_H
#include <math.h>
#include <sndfile.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

static inline double tone(double t, int channel)
{
    return 0.5 * sin(2 * M_PI * (440 + 110 * channel) * t);
}

/// A file in memory with up to 16384 frames of a tone; -1 when libsndfile does not write this.
static inline int write_tone(int format, int n_channels, int rate, sf_count_t n_frames)
{
    static float samples[16384 * 8];
    SF_INFO info = {.format = format, .channels = n_channels, .samplerate = rate};
    if (!sf_format_check(&info)) return -1;
    int fd = memfd_create("sound", MFD_ALLOW_SEALING);
    SNDFILE *f = sf_open_fd(dup(fd), SFM_WRITE, &info, SF_TRUE);
    for (sf_count_t i = 0; i < n_frames; i++)
        for (int c = 0; c < n_channels; c++)
            samples[i * n_channels + c] = (float)tone((double)i / rate, c);
    bool is_written = f && sf_writef_float(f, samples, n_frames) == n_frames;
    if (f) is_written &= sf_close(f) == 0;
    if (is_written) return fd;
    close(fd);
    return -1;
}

/// Calls `f` with every format that is written at this rate. Returns how many there
/// were.
static inline int for_every_format(int rate, sf_count_t n_frames,
                                   void (*f)(int format, int n_channels, int fd))
{
    int n_majors, n_subs, n_written = 0;
    sf_command(NULL, SFC_GET_FORMAT_MAJOR_COUNT, &n_majors, sizeof n_majors);
    sf_command(NULL, SFC_GET_FORMAT_SUBTYPE_COUNT, &n_subs, sizeof n_subs);
    for (int m = 0; m < n_majors; m++) {
        for (int s = 0; s < n_subs; s++) {
            SF_FORMAT_INFO major = {.format = m}, sub = {.format = s};
            sf_command(NULL, SFC_GET_FORMAT_MAJOR, &major, sizeof major);
            sf_command(NULL, SFC_GET_FORMAT_SUBTYPE, &sub, sizeof sub);
            int format = (major.format & SF_FORMAT_TYPEMASK) | sub.format;
            if ((format & SF_FORMAT_TYPEMASK) == SF_FORMAT_RAW) continue; // says nothing of itself
            for (int n_channels = 1; n_channels <= 2; n_channels++) {
                int fd = write_tone(format, n_channels, rate, n_frames);
                if (fd < 0) continue;
                f(format, n_channels, fd);
                close(fd);
                n_written++;
            }
        }
    }
    return n_written;
}

#endif
