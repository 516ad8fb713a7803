// Each party of a stereo call in a channel of its own: hear one, the other, or both.

export class Parties {
  #context: AudioContext;
  #gains: GainNode[];

  /** Takes over the sound of the element. Both ears hear every party that is not muted. */
  constructor(media: HTMLMediaElement) {
    this.#context = new AudioContext();
    const splitter = this.#context.createChannelSplitter(2);
    const mono = this.#context.createGain();
    mono.channelCount = 1;
    mono.channelCountMode = 'explicit';
    this.#context.createMediaElementSource(media).connect(splitter);
    this.#gains = [0, 1].map((party) => {
      const gain = this.#context.createGain();
      splitter.connect(gain, party);
      gain.connect(mono);
      return gain;
    });
    mono.connect(this.#context.destination);
  }

  /** Mutes the parties that are named. */
  async mute(muted: readonly boolean[]): Promise<void> {
    await this.#context.resume();
    this.#gains.forEach((gain, party) => {
      gain.gain.setTargetAtTime(muted[party] ? 0 : 1, this.#context.currentTime, 0.01);
    });
  }

  close(): void {
    void this.#context.close();
  }
}
