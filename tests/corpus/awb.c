/* AMR-WB: 16 kHz mono PCM16 on standard input, an .awb file on standard output. */
#include <stdint.h>
#include <stdio.h>
#include <vo-amrwbenc/enc_if.h>

int main(void) {
  int16_t in[320];
  uint8_t out[500];
  void *encoder = E_IF_init();
  fwrite("#!AMR-WB\n", 1, 9, stdout);
  while (fread(in, 2, 320, stdin) == 320) {
    fwrite(out, 1, E_IF_encode(encoder, 8, in, out, 0), stdout);
  }
  E_IF_exit(encoder);
  return 0;
}
