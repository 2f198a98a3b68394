/** An event emitter with the methods that users of Socket.IO know from component-emitter. */
export class Emitter {
  #listeners = new Map();

  on(event, fn) {
    const list = this.#listeners.get(event);
    if (list) list.push(fn);
    else this.#listeners.set(event, [fn]);
    return this;
  }

  once(event, fn) {
    const wrapper = (...args) => {
      this.off(event, wrapper);
      fn.apply(this, args);
    };
    wrapper.fn = fn;
    return this.on(event, wrapper);
  }

  /** Without fn, all listeners of the event go; without event, all listeners. */
  off(event, fn) {
    if (event === undefined) this.#listeners.clear();
    else if (!fn) this.#listeners.delete(event);
    else {
      // A copy, since emit may be running over the old list.
      const list = this.listeners(event);
      const i = list.findIndex((l) => l === fn || l.fn === fn);
      if (i >= 0) list.splice(i, 1);
      if (list.length) this.#listeners.set(event, list);
      else this.#listeners.delete(event);
    }
    return this;
  }

  emit(event, ...args) {
    for (const fn of this.listeners(event)) fn.apply(this, args);
    return this;
  }

  /** The same as emit, for subclasses whose emit sends something. */
  emitReserved(event, ...args) {
    return Emitter.prototype.emit.call(this, event, ...args);
  }

  listeners(event) {
    return [...(this.#listeners.get(event) ?? [])];
  }

  hasListeners(event) {
    return this.#listeners.has(event);
  }
}

Object.assign(Emitter.prototype, {
  addEventListener: Emitter.prototype.on,
  removeListener: Emitter.prototype.off,
  removeAllListeners: Emitter.prototype.off,
  removeEventListener: Emitter.prototype.off,
});

/** Subscribes and returns a function that takes the subscription back. */
export function subscribe(emitter, event, fn) {
  emitter.on(event, fn);
  return () => emitter.off(event, fn);
}
