'use strict';

/** Runs jobs, no more at a time than a limit says. */
class Limiter {
  /**
   * @param {Number} [concurrency=Infinity] How many jobs may run at a time
   */
  constructor(concurrency = Infinity) {
    this.concurrency = concurrency;
    this.running = 0;
    this.waiting = [];
  }

  /**
   * Runs a job, as soon as it may.
   *
   * @param {Function} job Gets a function to call when it is done
   */
  add(job) {
    this.waiting.push(job);
    this._run();
  }

  _run() {
    while (this.running < this.concurrency && this.waiting.length > 0) {
      this.running++;
      this.waiting.shift()(() => {
        this.running--;
        this._run();
      });
    }
  }
}

module.exports = Limiter;
