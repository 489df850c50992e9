// An echo server made with uWebSockets. It prints its address in its first line, and ends with its
// input.
//
//   echo [--level 6]     agrees to permessage-deflate without context takeover; it has no other level

#include "App.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

int main(int count, char **arguments) {
    bool deflate = count > 1;
    if (deflate && (count != 3 || std::strcmp(arguments[1], "--level") || std::strcmp(arguments[2], "6"))) {
        std::fputs("usage: echo [--level 6]\n", stderr);
        return 2;
    }
    std::thread([] {
        while (std::getchar() != EOF) {}
        std::_Exit(0);
    }).detach();

    struct Nothing {};
    uWS::App().ws<Nothing>("/*", {
        .compression = deflate ? uWS::CompressOptions(uWS::SHARED_COMPRESSOR | uWS::SHARED_DECOMPRESSOR)
                               : uWS::DISABLED,
        .maxPayloadLength = 16 << 20,
        .idleTimeout = 120,
        .maxBackpressure = 64 << 20,
        .message = [deflate](auto *ws, std::string_view message, uWS::OpCode opcode) {
            ws->send(message, opcode, deflate);
        },
    }).listen("127.0.0.1", 0, [](auto *listener) {
        if (!listener) std::exit(1);
        std::printf("127.0.0.1:%d\n", us_socket_local_port(0, reinterpret_cast<us_socket_t *>(listener)));
        std::fflush(stdout);
    }).run();
    return 1;
}
