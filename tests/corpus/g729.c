/* G.729: 8 kHz mono PCM16 on standard input, raw frames of 10 bytes on standard output. */
#include <bcg729/encoder.h>
#include <stdint.h>
#include <stdio.h>

int main(void) {
  int16_t in[80];
  uint8_t out[16], length;
  bcg729EncoderChannelContextStruct *encoder = initBcg729EncoderChannel(0);
  while (fread(in, 2, 80, stdin) == 80) {
    bcg729Encoder(encoder, in, out, &length);
    fwrite(out, 1, length, stdout);
  }
  closeBcg729EncoderChannel(encoder);
  return 0;
}
