// Command bundle builds the files of core/browser that servers hand out from its
// sources:
//
//	go generate ./core/browser
//
// Core itself needs no bundler, so this is where it lives.
package main

import (
	"errors"
	"flag"
	"log"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	log.SetFlags(0)
	dir := flag.String("dir", ".", "`directory` of core/browser")
	flag.Parse()
	files, err := Build(filepath.Join(*dir, "src"))
	if err != nil {
		log.Fatal("bundle: ", err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(*dir, "dist", name), content, 0o644); err != nil {
			log.Fatal("bundle: ", err)
		}
	}
}

// bundles are the files, and what they are made of.
var bundles = []struct {
	name, entry string
	format      api.Format
	minify      bool
	before      string
	after       string
}{
	{"socket.io.js", "classic.js", api.FormatIIFE, false, prologue, epilogue},
	{"socket.io.min.js", "classic.js", api.FormatIIFE, true, prologue, epilogue},
	{"socket.io.esm.js", "index.js", api.FormatESModule, false, "", ""},
	{"socket.io.esm.min.js", "index.js", api.FormatESModule, true, "", ""},
}

// banner stands at the top of each file.
const banner = "/*! sio browser client for Socket.IO, MIT license */"

// What a classic script is wrapped into: it defines io, or exports it where there are
// modules of the kinds of CommonJS and AMD.
const (
	prologue = "\n(function(publish){"
	epilogue = "})(function(io){" +
		"typeof module=='object'&&module.exports?module.exports=io:typeof define=='function'&&define.amd?define(()=>io):globalThis.io=io})"
)

// Build returns the files by their names.
func Build(src string) (map[string][]byte, error) {
	src, err := filepath.Abs(src)
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	for _, b := range bundles {
		result := api.Build(api.BuildOptions{
			EntryPoints:       []string{filepath.Join(src, b.entry)},
			AbsWorkingDir:     src, // the names of the sources are told relative to it
			Bundle:            true,
			Format:            b.format,
			Target:            api.ES2022,
			Charset:           api.CharsetUTF8,
			MinifyWhitespace:  b.minify,
			MinifyIdentifiers: b.minify,
			MinifySyntax:      b.minify,
			Banner:            map[string]string{"js": banner + b.before},
			Footer:            map[string]string{"js": b.after},
		})
		if len(result.Errors) > 0 {
			return nil, errors.New(result.Errors[0].Text)
		}
		files[b.name] = result.OutputFiles[0].Contents
	}
	return files, nil
}
