/** An event emitter with the methods that users of Socket.IO know from component-emitter. */
export class Emitter {
  #listeners = new Map();

  on(event, fn) {
    this.#listeners.set(event, [...this.listeners(event), fn]);
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
    else {
      const list = this.listeners(event);
      const rest = fn ? without(list, list.find((l) => l === fn || l.fn === fn)) : [];
      if (rest.length) this.#listeners.set(event, rest);
      else this.#listeners.delete(event);
    }
    return this;
  }

  /** What a listener throws is reported as any uncaught error, and stops nobody else. */
  emit(event, ...args) {
    for (const fn of this.listeners(event)) {
      try {
        fn.apply(this, args);
      } catch (err) {
        queueMicrotask(() => {
          throw err;
        });
      }
    }
    return this;
  }

  /** The same as emit, for subclasses whose emit sends something. */
  emitReserved(event, ...args) {
    return Emitter.prototype.emit.call(this, event, ...args);
  }

  /** The list is not changed any more: on and off make another. */
  listeners(event) {
    return this.#listeners.get(event) ?? [];
  }

  hasListeners(event) {
    return this.#listeners.has(event);
  }
}

const { on, off } = Emitter.prototype;
Object.assign(Emitter.prototype, { addEventListener: on, removeListener: off, removeAllListeners: off, removeEventListener: off });

/** Returns the list without the first that is item. */
export function without(list, item) {
  const i = list.indexOf(item);
  return list.filter((_, at) => at !== i);
}

/** Subscribes and returns a function that takes the subscription back. */
export function subscribe(emitter, event, fn) {
  emitter.on(event, fn);
  return () => emitter.off(event, fn);
}
