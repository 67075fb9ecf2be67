// What Python can call.
#pragma once

#ifdef _WIN32
#define ELANSR_EXPORT extern "C" __declspec(dllexport)
#else
#define ELANSR_EXPORT extern "C" __attribute__((visibility("default")))
#endif
