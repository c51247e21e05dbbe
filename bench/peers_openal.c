// SPDX-License-Identifier: MIT
// peers_openal.c - the work of bench/peers on OpenAL Soft: peers_openal s16|f32 PITCH VOICES SECONDS
#include <AL/al.h>
#include <AL/alc.h>
#include <AL/alext.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 48000, BLOCK = 64 };

static void die(const char *what)
{
    fprintf(stderr, "peers_openal: %s\n", what);
    exit(1);
}

/// A context on a device that renders into memory, without HRTF, with sources enough.
static ALCdevice *open_loopback(int n_voices)
{
    LPALCLOOPBACKOPENDEVICESOFT open =
        (LPALCLOOPBACKOPENDEVICESOFT)alcGetProcAddress(NULL, "alcLoopbackOpenDeviceSOFT");
    ALCdevice *device = open ? open(NULL) : NULL;
    const ALCint attributes[] = {ALC_FORMAT_CHANNELS_SOFT,
                                 ALC_STEREO_SOFT,
                                 ALC_FORMAT_TYPE_SOFT,
                                 ALC_FLOAT_SOFT,
                                 ALC_FREQUENCY,
                                 RATE,
                                 ALC_HRTF_SOFT,
                                 ALC_FALSE,
                                 ALC_MONO_SOURCES,
                                 n_voices + 16,
                                 0};
    ALCcontext *context = device ? alcCreateContext(device, attributes) : NULL;
    if (!context || !alcMakeContextCurrent(context)) die("no loopback device");
    return device;
}

/// One second of noise at -30 dB, of its own for each voice.
static ALuint make_buffer(int is_float, uint32_t seed)
{
    static int16_t s16[RATE];
    static float f32[RATE];
    uint32_t x = seed * 2654435761u + 1;
    for (int i = 0; i < RATE; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        s16[i] = (int16_t)((int16_t)(x >> 16) / 32);
        f32[i] = (float)s16[i] / 32768.0f;
    }
    ALuint buffer;
    alGenBuffers(1, &buffer);
    if (is_float)
        alBufferData(buffer, alGetEnumValue("AL_FORMAT_MONO_FLOAT32"), f32, sizeof f32, RATE);
    else
        alBufferData(buffer, AL_FORMAT_MONO16, s16, sizeof s16, RATE);
    return buffer;
}

/// Looping, at gain 0.3, on an arc before the listener.
static ALuint start_source(ALuint buffer, float pan, float pitch)
{
    ALuint source;
    alGenSources(1, &source);
    alSourcei(source, AL_BUFFER, (ALint)buffer);
    alSourcei(source, AL_LOOPING, AL_TRUE);
    alSourcei(source, AL_SOURCE_RELATIVE, AL_TRUE);
    alSourcef(source, AL_ROLLOFF_FACTOR, 0.0f);
    alSourcef(source, AL_GAIN, 0.3f);
    alSourcef(source, AL_PITCH, pitch);
    alSource3f(source, AL_POSITION, pan, 0.0f, -sqrtf(1.0f - pan * pan));
    alSourcePlay(source);
    return source;
}

int main(int argc, char **argv)
{
    if (argc != 5) die("s16|f32 PITCH VOICES SECONDS");
    int is_float = strcmp(argv[1], "f32") == 0, n_voices = atoi(argv[3]);
    float pitch = strtof(argv[2], NULL);
    long n_blocks = lround(strtod(argv[4], NULL) * RATE / BLOCK);

    ALCdevice *device = open_loopback(n_voices);
    LPALCRENDERSAMPLESSOFT render = (LPALCRENDERSAMPLESSOFT)alcGetProcAddress(device, "alcRenderSamplesSOFT");
    ALuint *sources = calloc((size_t)n_voices, sizeof *sources);
    if (!render || !sources) die("no rendering");
    for (int i = 0; i < n_voices; i++) {
        float pan = n_voices > 1 ? -1.0f + 2.0f * (float)i / (float)(n_voices - 1) : 0.0f;
        sources[i] = start_source(make_buffer(is_float, (uint32_t)i), pan, pitch);
    }
    if (alGetError() != AL_NO_ERROR) die("could not start all voices");

    float out[BLOCK * 2], loudest = 0.0f;
    for (long b = 0; b < n_blocks; b++) {
        render(device, out, BLOCK);
        for (int i = 0; i < BLOCK * 2; i++)
            loudest = fmaxf(loudest, fabsf(out[i]));
    }
    for (int i = 0; i < n_voices; i++) {
        ALint state;
        alGetSourcei(sources[i], AL_SOURCE_STATE, &state);
        if (state != AL_PLAYING) die("a voice has ended");
    }
    free(sources);
    printf("peak %.4f\n", (double)loudest);
    return loudest > 0.0f ? 0 : 1;
}
