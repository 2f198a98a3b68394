/** Exponential back-off with jitter. Times are in milliseconds. */
export class Backoff {
  attempts = 0;

  constructor(min, max, jitter) {
    Object.assign(this, { min, max, jitter });
  }

  duration() {
    let ms = this.min * 2 ** this.attempts++;
    ms *= 1 + this.jitter * (2 * Math.random() - 1);
    return Math.min(ms, this.max) | 0;
  }

  reset() {
    this.attempts = 0;
  }
}
