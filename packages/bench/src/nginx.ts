/** nginx as a reverse proxy that does not buffer, with keep-alive on both sides. */

const fallback = (status: number) => `
    location /first-fails-${status}/v1/ {
      proxy_pass http://upstream/fail-${status}/;
      proxy_intercept_errors on;
      error_page ${status} = @good;
    }`

export const nginxConfig = (place: {
  readonly directory: string
  readonly port: number
  readonly upstreamPort: number
}): string => `
daemon off;
worker_processes 1;
pid ${place.directory}/nginx.pid;
error_log ${place.directory}/error.log crit;
events { worker_connections 8192; }
http {
  access_log off;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${place.directory}/${kind};`).join("\n  ")}
  client_max_body_size 20m;
  client_body_buffer_size 1m;
  keepalive_requests 100000000;
  upstream upstream {
    server 127.0.0.1:${place.upstreamPort};
    keepalive 1024;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${place.port} backlog=4096;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffering off;
    location / { proxy_pass http://upstream; }
    location @good { proxy_pass http://upstream; }${fallback(500)}${fallback(404)}
  }
}
`
