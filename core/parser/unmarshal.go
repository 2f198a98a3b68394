package parser

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
)

var errUnexported = errors.New("cannot set a pointer to an unexported struct")

func (p *JSON) unmarshal(value []byte, attachments [][]byte, v any) error {
	return unmarshal(value, attachments, v, p.Unmarshal)
}

// unmarshal decodes value, which may refer to attachments, into what v points
// to. A nil std stands for json.Unmarshal.
func unmarshal(value []byte, attachments [][]byte, v any, std func([]byte, any) error) error {
	if scalar(value, v) {
		return nil
	}
	a := assembler{scanner: scanner{data: value, depth: maxDepth}, attachments: attachments, std: std}
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return &json.InvalidUnmarshalError{Type: reflect.TypeOf(v)}
	}
	p := planOf(target.Type().Elem())
	binary := p.decodes && len(attachments) > 0
	if !binary && !a.fast(p) || !a.value() || !a.end() {
		return a.plain(value, v)
	}
	a.pos = 0
	err := a.decode(target.Elem(), p)
	if err != nil && !binary {
		return a.plain(value, v) // its errors say more
	}
	return err
}

// An assembler decodes a JSON text, already known to be valid, and puts the
// attachments in the place of their placeholders. In all else it follows
// encoding/json, to which it leaves what can hold no attachments and is not
// simple. It stops at the first error.
//
// Simple types without attachments could be left to encoding/json as well, but
// take about half the time here.
type assembler struct {
	scanner
	attachments [][]byte
	std         func([]byte, any) error
	loops       int // steps through pointers in interfaces
}

func (a *assembler) plain(text []byte, v any) error {
	if a.std != nil {
		return a.std(text, v)
	}
	return json.Unmarshal(text, v)
}

// raw moves behind the value that follows and returns it.
func (a *assembler) raw() []byte {
	a.space()
	start := a.pos
	a.value()
	return a.data[start:a.pos:a.pos]
}

// first moves into an array or object and reports whether it has an element.
func (a *assembler) first() bool {
	a.pos++
	if c := a.space(); c == ']' || c == '}' {
		a.pos++
		return false
	}
	return true
}

// another moves behind an element and reports whether there is one more.
func (a *assembler) another() bool {
	c := a.space()
	a.pos++
	return c == ','
}

// name moves behind the key of a member and its colon. It returns the key and
// its text.
func (a *assembler) name() (name, text []byte) {
	a.space()
	start := a.pos
	a.scalar()
	text = a.data[start:a.pos]
	a.space()
	a.pos++
	return unquote(text), text
}

// unquote returns the text of a valid JSON string.
func unquote(text []byte) []byte {
	if inside := text[1 : len(text)-1]; isPlain(inside) {
		return inside
	}
	var s string
	if json.Unmarshal(text, &s) != nil {
		return nil
	}
	return []byte(s)
}

// attachment moves behind a placeholder and returns what it stands for. If no
// placeholder follows, is is false.
func (a *assembler) attachment() (b []byte, is bool, err error) {
	if a.space() != '{' || len(a.attachments) == 0 {
		return nil, false, nil
	}
	n, num, is := placeholder(a.data[a.pos:])
	if !is {
		return nil, false, nil
	}
	if num >= len(a.attachments) {
		return nil, true, ErrPlaceholder
	}
	a.pos += n
	return a.attachments[num], true, nil
}

// decode decodes the value that follows into v, which is addressable and whose
// type p describes.
func (a *assembler) decode(v reflect.Value, p *plan) error {
	if !p.decodes && !a.fast(p) && v.CanInterface() || a.space() == 'n' {
		return a.leaf(v)
	}
	if p.settable {
		return a.simple(v)
	}
	switch p.kind {
	case reflect.Pointer:
		if v.IsNil() {
			if !v.CanSet() {
				return errUnexported
			}
			v.Set(reflect.New(p.typ.Elem()))
		}
		return a.decode(v.Elem(), p.elem)
	case reflect.Interface:
		return a.dynamic(v)
	case reflect.Struct:
		return a.structure(v, p)
	case reflect.Map:
		return a.mapping(v, p)
	case reflect.Array:
		return a.array(v, p)
	case reflect.Slice:
		return a.slice(v, p)
	}
	return a.leaf(v)
}

// Copies reports whether all that [Args.DecodeOne] puts into a T is a copy, so that it
// shares no memory with the message that the arguments came in. That does not count what
// comes from attachments, nor what Args.Unmarshal does.
func Copies[T any]() bool {
	// Only encoding/json calls methods that a type has for itself, which might keep what they
	// are given; and json.RawMessage is such a type.
	return planOf(reflect.TypeFor[T]()).fast
}

// fast reports whether values of p are read without encoding/json, although they
// hold no attachments. If there is a replacement for that, it is used.
func (a *assembler) fast(p *plan) bool { return p.fast && a.std == nil }

// simple decodes a string, bool or number. All that is unusual, and all errors,
// it leaves to encoding/json.
func (a *assembler) simple(v reflect.Value) error {
	c := a.space()
	start := a.pos
	text := a.raw()
	switch {
	case v.Kind() == reflect.String && c == '"':
		v.SetString(string(unquote(text)))
		return nil
	case v.Kind() == reflect.Bool && (c == 't' || c == 'f'):
		v.SetBool(c == 't')
		return nil
	case (c == '-' || isDigit(c)) && setNumber(v, text):
		return nil
	}
	a.pos = start
	return a.leaf(v)
}

// setNumber sets v, if it is a number, to the JSON number text, if it fits.
func setNumber(v reflect.Value, text []byte) bool {
	if v.CanFloat() {
		f, err := strconv.ParseFloat(string(text), v.Type().Bits())
		if err == nil {
			v.SetFloat(f)
		}
		return err == nil
	}
	n, ok := integer(text)
	switch {
	case ok && v.CanInt() && !v.OverflowInt(n):
		v.SetInt(n)
		return true
	case ok && v.CanUint() && text[0] != '-' && !v.OverflowUint(uint64(n)):
		v.SetUint(uint64(n))
		return true
	}
	return false
}

// leaf leaves the value that follows to encoding/json.
func (a *assembler) leaf(v reflect.Value) error {
	text := a.raw()
	if !v.CanInterface() {
		if text[0] == 'n' || v.Kind() == reflect.Struct && text[0] == '{' {
			return nil
		}
		return &json.UnmarshalTypeError{Value: kindOf(text), Type: v.Type()}
	}
	target := v.Addr().Interface()
	if scalar(text, target) {
		return nil
	}
	return a.plain(text, target)
}

// kindOf names what a JSON text is, in the words of encoding/json.
func kindOf(text []byte) string {
	switch text[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	}
	return "number"
}

// dynamic decodes into an interface: into what the pointer in it points to, or
// else as a tree of maps and slices.
func (a *assembler) dynamic(v reflect.Value) error {
	if e := v.Elem(); e.Kind() == reflect.Pointer && !e.IsNil() {
		if a.loops++; a.loops > maxNesting {
			return errDepth
		}
		if inner := e.Elem(); inner.Kind() != reflect.Interface || !inner.Elem().Equal(e) {
			return a.decode(inner, planOf(inner.Type()))
		}
	}
	tree, err := a.tree()
	if err == nil {
		v.Set(reflect.ValueOf(tree))
	}
	return err
}

// tree decodes the value that follows as encoding/json does for an interface.
func (a *assembler) tree() (any, error) {
	switch a.space() {
	case '{':
		if b, is, err := a.attachment(); is {
			return b, err
		}
		m := map[string]any{}
		for more := a.first(); more; more = a.another() {
			name, _ := a.name()
			v, err := a.tree()
			if err != nil {
				return nil, err
			}
			m[string(name)] = v
		}
		return m, nil
	case '[':
		s := []any{}
		for more := a.first(); more; more = a.another() {
			v, err := a.tree()
			if err != nil {
				return nil, err
			}
			s = append(s, v)
		}
		return s, nil
	case 't', 'f':
		return a.raw()[0] == 't', nil
	case 'n':
		a.raw()
		return nil, nil
	case '"':
		return string(unquote(a.raw())), nil
	}
	return a.float()
}

func (a *assembler) float() (v any, err error) {
	text := a.raw()
	if a.std != nil {
		err = a.std(text, &v) // it may have numbers of its own
		return v, err
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return nil, &json.UnmarshalTypeError{Value: "number " + string(text), Type: reflect.TypeFor[float64]()}
	}
	return f, nil
}

// object reports whether an object follows that is no placeholder. If not, the
// value cannot be decoded into v, and err says why.
func (a *assembler) object(v reflect.Value) (ok bool, err error) {
	if a.space() != '{' {
		return false, a.leaf(v)
	}
	if _, is, _ := a.attachment(); is {
		return false, &json.UnmarshalTypeError{Value: "attachment", Type: v.Type()}
	}
	return true, nil
}

func (a *assembler) structure(v reflect.Value, p *plan) error {
	if ok, err := a.object(v); !ok {
		return err
	}
	for more := a.first(); more; more = a.another() {
		name, _ := a.name()
		f := p.field(name)
		if f == nil {
			a.value()
			continue
		}
		fv, err := f.make(v)
		if err != nil {
			return err
		}
		if f.quoted != nil {
			err = a.quoted(fv, f.quoted)
		} else {
			err = a.decode(fv, f.plan)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// quoted decodes into a field that has the option "string", see encoder.quoted.
func (a *assembler) quoted(v reflect.Value, box reflect.Type) error {
	boxed := reflect.New(box)
	boxed.Elem().Field(0).Set(v)
	text := append(append([]byte(boxStart), a.raw()...), '}')
	if err := json.Unmarshal(text, boxed.Interface()); err != nil {
		return err
	}
	v.Set(boxed.Elem().Field(0))
	return nil
}

// field returns the field for a member of that name, or nil.
func (p *plan) field(name []byte) *field {
	if i, ok := p.byName[string(name)]; ok {
		return &p.fields[i]
	}
	for i := range p.fields {
		if strings.EqualFold(p.fields[i].name, string(name)) {
			return &p.fields[i]
		}
	}
	return nil
}

// make returns the field of v, and makes the embedded structs that it is in.
func (f *field) make(v reflect.Value) (reflect.Value, error) {
	for i, x := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if !v.CanSet() {
					return v, errUnexported
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(x)
	}
	return v, nil
}

func (a *assembler) mapping(v reflect.Value, p *plan) error {
	keyType := p.typ.Key()
	if !p.textKeyed && !isKeyKind(keyType.Kind()) {
		return a.leaf(v)
	}
	if ok, err := a.object(v); !ok {
		return err
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(p.typ))
	}
	elem := reflect.New(p.typ.Elem()).Elem()
	for more := a.first(); more; more = a.another() {
		name, text := a.name()
		elem.SetZero()
		if err := a.decode(elem, p.elem); err != nil {
			return err
		}
		key := reflect.New(keyType).Elem()
		if keyType.Kind() == reflect.String && !p.textKeyed {
			key.SetString(string(name))
		} else if err := decodeKey(key, text); err != nil {
			return err
		}
		v.SetMapIndex(key, elem)
	}
	return nil
}

// decodeKey decodes the key of a map that is not just a string. It leaves it to
// encoding/json, in a map of its own.
func decodeKey(key reflect.Value, text []byte) error {
	m := reflect.New(reflect.MapOf(key.Type(), reflect.TypeFor[bool]()))
	object := append(append([]byte{'{'}, text...), ":true}"...)
	if err := json.Unmarshal(object, m.Interface()); err != nil {
		return err
	}
	for it := m.Elem().MapRange(); it.Next(); {
		key.Set(it.Key())
	}
	return nil
}

func (a *assembler) array(v reflect.Value, p *plan) error {
	if a.space() != '[' {
		return a.leaf(v)
	}
	i := 0
	for more := a.first(); more; more = a.another() {
		if i >= v.Len() {
			a.value() // as encoding/json does
			continue
		}
		if err := a.decode(v.Index(i), p.elem); err != nil {
			return err
		}
		i++
	}
	for ; i < v.Len(); i++ {
		v.Index(i).SetZero()
	}
	return nil
}

func (a *assembler) slice(v reflect.Value, p *plan) error {
	if p.elem.kind == reflect.Uint8 {
		b, is, err := a.attachment()
		if !is {
			return a.leaf(v)
		}
		if err == nil {
			v.SetBytes(b)
		}
		return err
	}
	if a.space() != '[' {
		return a.leaf(v)
	}
	n := 0
	for more := a.first(); more; more = a.another() {
		if n >= v.Cap() {
			v.Grow(1)
		}
		if n >= v.Len() {
			v.SetLen(n + 1)
		}
		if err := a.decode(v.Index(n), p.elem); err != nil {
			return err
		}
		n++
	}
	v.SetLen(n)
	if n == 0 {
		v.Set(reflect.MakeSlice(p.typ, 0, 0))
	}
	return nil
}
