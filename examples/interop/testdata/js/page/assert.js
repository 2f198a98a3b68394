"use strict";
// What the checks use of the module assert, for pages.

function same(a, b) {
  if (Object.is(a, b)) return true;
  if (!a || !b || typeof a !== "object" || typeof b !== "object" || Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}

const text = (value) => JSON.stringify(value, (_, v) => (v === undefined ? "undefined" : v));

exports.ok = (value, message = "it is not so") => {
  if (!value) throw new Error(message);
};

exports.deepStrictEqual = (actual, expected, message = "") => {
  if (!same(actual, expected)) throw new Error(`${message}\ngot  ${text(actual)}\nwant ${text(expected)}`);
};
