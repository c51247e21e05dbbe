// SPDX-License-Identifier: MIT
// peers_fluidsynth.c - the work of bench/peers on fluidsynth: peers_fluidsynth SOUNDFONT VOICES SECONDS
#include <fluidsynth.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { RATE = 48000, BLOCK = 64 };

static void die(const char *what)
{
    fprintf(stderr, "peers_fluidsynth: %s\n", what);
    exit(1);
}

static fluid_synth_t *open_synth(const char *path, int n_voices)
{
    fluid_settings_t *settings = new_fluid_settings();
    fluid_settings_setnum(settings, "synth.sample-rate", RATE);
    fluid_settings_setint(settings, "synth.polyphony", n_voices);
    fluid_settings_setint(settings, "synth.reverb.active", 0);
    fluid_settings_setint(settings, "synth.chorus.active", 0);
    fluid_settings_setnum(settings, "synth.gain", 0.3);
    fluid_synth_t *synth = new_fluid_synth(settings);
    if (!synth || fluid_synth_sfload(synth, path, 1) == FLUID_FAILED) die("no synthesizer, or no SoundFont");
    return synth;
}

int main(int argc, char **argv)
{
    if (argc != 4) die("SOUNDFONT VOICES SECONDS");
    int n_voices = atoi(argv[2]);
    long n_blocks = lround(strtod(argv[3], NULL) * RATE / BLOCK);
    fluid_synth_t *synth = open_synth(argv[1], n_voices);

    // The SoundFont has a sample for each key of each program.
    for (int i = 0; i < n_voices; i++) {
        int channel = i / 128;
        fluid_synth_bank_select(synth, channel, 0);
        fluid_synth_program_change(synth, channel, channel);
        if (fluid_synth_noteon(synth, channel, i % 128, 127) != FLUID_OK) die("a note was refused");
    }
    float left[BLOCK], right[BLOCK], loudest = 0.0f;
    for (long b = 0; b < n_blocks; b++) {
        fluid_synth_write_float(synth, BLOCK, left, 0, 1, right, 0, 1);
        for (int i = 0; i < BLOCK; i++)
            loudest = fmaxf(loudest, fmaxf(fabsf(left[i]), fabsf(right[i])));
    }
    if (fluid_synth_get_active_voice_count(synth) != n_voices) die("not all voices are sounding");
    printf("peak %.4f\n", (double)loudest);
    return loudest > 0.0f ? 0 : 1;
}
