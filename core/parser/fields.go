package parser

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// A field of a struct that has a place in its JSON form.
type field struct {
	name      string
	label     string // the name as it is written, with the colon
	index     []int  // as in reflect.StructField, without implied steps through pointers
	tagged    bool   // the name comes from the tag
	omitEmpty bool
	omitZero  bool
	isZero    func(reflect.Value) bool
	quoted    reflect.Type // with the option "string": a struct of this field only
	typ       reflect.Type
	plan      *plan
}

// boxStart is what the JSON form of a box for quoted fields begins with.
const boxStart = `{"f":`

// of returns the field of v; ok is false if it is behind a nil pointer.
func (f *field) of(v reflect.Value) (fv reflect.Value, ok bool) {
	for i, x := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return reflect.Value{}, false
			}
			v = v.Elem()
		}
		v = v.Field(x)
	}
	return v, true
}

// structFields returns the fields that the JSON form of t has, by the rules of
// encoding/json: of several fields of a name, the one that is embedded least
// deeply counts, among these one whose name comes from a tag, and if that leaves
// more than one, none.
func structFields(t reflect.Type) []field {
	byName := map[string][]field{}
	for _, f := range candidates(t) {
		byName[f.name] = append(byName[f.name], f)
	}
	var fields []field
	for _, same := range byName {
		if f, ok := dominant(same); ok {
			fields = append(fields, f)
		}
	}
	slices.SortFunc(fields, func(a, b field) int { return slices.Compare(a.index, b.index) })
	return fields
}

func dominant(same []field) (field, bool) {
	rank := func(a, b field) int {
		if c := cmp.Compare(len(a.index), len(b.index)); c != 0 || a.tagged == b.tagged {
			return c
		}
		if a.tagged {
			return -1
		}
		return 1
	}
	slices.SortStableFunc(same, rank)
	return same[0], len(same) == 1 || rank(same[0], same[1]) != 0
}

// embedded is a struct whose fields count as those of the outer struct.
type embedded struct {
	typ   reflect.Type
	index []int
	twice bool // it is there several times at its depth, which hides its fields
}

// candidates returns the fields of t and of the structs that are embedded in it,
// each type at its least depth only.
func candidates(t reflect.Type) []field {
	var fields []field
	seen := map[reflect.Type]bool{}
	for level := []embedded{{typ: t}}; len(level) > 0; {
		var next []embedded
		for _, outer := range level {
			if seen[outer.typ] {
				continue
			}
			seen[outer.typ] = true
			for i := range outer.typ.NumField() {
				f, inner, kind := candidate(outer, i)
				switch kind {
				case fieldNamed:
					fields = append(fields, f)
					if outer.twice {
						fields = append(fields, f)
					}
				case fieldEmbedded:
					next = addEmbedded(next, inner)
				}
			}
		}
		level = next
	}
	return fields
}

func addEmbedded(level []embedded, inner embedded) []embedded {
	for i := range level {
		if level[i].typ == inner.typ {
			level[i].twice = true
			return level
		}
	}
	return append(level, inner)
}

// What a field of a struct is for its JSON form.
const (
	fieldHidden = iota
	fieldNamed
	fieldEmbedded
)

// candidate looks at a field of outer.
func candidate(outer embedded, i int) (f field, inner embedded, kind int) {
	sf := outer.typ.Field(i)
	tag := sf.Tag.Get("json")
	if tag == "-" || !visible(sf) {
		return field{}, embedded{}, fieldHidden
	}
	name, options, _ := strings.Cut(tag, ",")
	if !validName(name) {
		name = ""
	}
	index := append(slices.Clip(slices.Clone(outer.index)), i)
	target := sf.Type
	if target.Name() == "" && target.Kind() == reflect.Pointer {
		target = target.Elem()
	}
	if name == "" && sf.Anonymous && target.Kind() == reflect.Struct {
		return field{}, embedded{typ: target, index: index}, fieldEmbedded
	}
	f = field{name: name, index: index, tagged: name != "", typ: sf.Type}
	if name == "" {
		f.name = sf.Name
	}
	f.label = string(appendString(nil, f.name)) + ":"
	f.options(strings.Split(options, ","), target.Kind())
	return f, embedded{}, fieldNamed
}

// visible reports whether a field, or what is embedded in it, can have a place in
// the JSON form.
func visible(sf reflect.StructField) bool {
	if sf.IsExported() {
		return true
	}
	t := sf.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return sf.Anonymous && t.Kind() == reflect.Struct
}

func (f *field) options(options []string, kind reflect.Kind) {
	f.omitEmpty = slices.Contains(options, "omitempty")
	if f.omitZero = slices.Contains(options, "omitzero"); f.omitZero {
		f.isZero = zeroTest(f.typ)
	}
	if slices.Contains(options, "string") && isScalarKind(kind) {
		f.quoted = reflect.StructOf([]reflect.StructField{{Name: "F", Type: f.typ, Tag: `json:"f,string"`}})
	}
}

// validName reports whether the name in a tag counts.
func validName(s string) bool {
	for _, c := range s {
		if !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", c) && !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return false
		}
	}
	return s != ""
}

// isEmpty is the condition of the option "omitempty".
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct, reflect.Chan, reflect.Func, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128:
		return false
	}
	return v.IsZero()
}

type zeroer interface{ IsZero() bool }

// zeroTest returns the condition of the option "omitzero" for values of t.
func zeroTest(t reflect.Type) func(reflect.Value) bool {
	target := reflect.TypeFor[zeroer]()
	switch {
	case t.Implements(target):
		return func(v reflect.Value) bool { return isNil(v) || v.Interface().(zeroer).IsZero() }
	case reflect.PointerTo(t).Implements(target):
		return func(v reflect.Value) bool {
			if !v.CanAddr() {
				boxed := reflect.New(v.Type()).Elem()
				boxed.Set(v)
				v = boxed
			}
			return v.Addr().Interface().(zeroer).IsZero()
		}
	}
	return reflect.Value.IsZero
}

// isNil reports whether v is a nil pointer, or an interface without one.
func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Interface:
		return v.IsNil() || v.Elem().Kind() == reflect.Pointer && v.Elem().IsNil()
	case reflect.Pointer:
		return v.IsNil()
	}
	return false
}
