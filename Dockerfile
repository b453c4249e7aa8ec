# One image for every process of the cluster; what a container runs is its command: ref, broker, proxy, server, client, console.
FROM node:24-bookworm-slim AS build
WORKDIR /app
# A registry of your own, if you have one; empty means npm's default.
ARG NPM_CONFIG_REGISTRY
# Dependencies first: these layers stay as long as the lock file does. None needs its install script.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev && mv node_modules production
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY src src
RUN npx tsc

FROM node:24-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=build /app/production node_modules
COPY scripts/container.mjs scripts/
# docker compose exec ref compasso status: with the rights of the data's owner, as everything here.
RUN printf '#!/bin/sh\nexec node /app/scripts/container.mjs compasso "$@"\n' >/usr/local/bin/compasso \
  && chmod 755 /usr/local/bin/compasso
COPY --from=build /app/dist/src dist/src
# Starts as root only to become whoever owns /data, see there.
ENTRYPOINT ["node", "/app/scripts/container.mjs"]
CMD ["cluster"]
