package main

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

//go:embed web
var web embed.FS

// policy lets the page load nothing but its own files, run no inline script, and
// be shown in no frame. Pictures that came over the socket are blobs.
var policy = strings.Join([]string{
	"default-src 'none'",
	"script-src 'self'",
	"style-src 'self'",
	"img-src 'self' blob:",
	"connect-src 'self' ws: wss:",
	"base-uri 'none'",
	"form-action 'self'",
	"frame-ancestors 'none'",
}, "; ")

// secure sets the security headers of every answer.
func secure(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// page serves the embedded files. They have no time of change, so an ETag over all
// of them lets browsers keep them until there is a new program.
func page() gin.HandlerFunc {
	files, err := fs.Sub(web, "web")
	if err != nil {
		panic(err) // the files are part of the program
	}
	tag := `"` + fingerprint(files) + `"`
	server := http.FileServerFS(files)
	return func(c *gin.Context) {
		name := strings.TrimPrefix(c.Request.URL.Path, "/")
		if info, err := fs.Stat(files, name); name != "" && (err != nil || info.IsDir()) {
			c.String(http.StatusNotFound, "There is nothing at this address. The chat is at /\n")
			return
		}
		c.Header("Cache-Control", "no-cache") // keep, but ask
		c.Header("ETag", tag)
		server.ServeHTTP(c.Writer, c.Request)
	}
}

func fingerprint(files fs.FS) string {
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, path)
		sum.Write(data)
		return err
	})
	if err != nil {
		panic(err)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}
