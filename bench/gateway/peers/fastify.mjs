// A gateway with Fastify, its http-proxy, jwt and rate-limit plugins, and ioredis; two processes.
import cluster from 'node:cluster'
import { randomUUID } from 'node:crypto'
import proxy from '@fastify/http-proxy'
import jwt from '@fastify/jwt'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import { Redis } from 'ioredis'

const { BACKEND_URL, STREAM, JWT_SECRET, REDIS_URL, PORT } = process.env

if (cluster.isPrimary) {
  cluster.fork()
  cluster.fork()
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGTERM')
    process.exit(0)
  })
} else {
  const redis = new Redis(REDIS_URL)
  const app = Fastify()
  await app.register(jwt, { secret: JWT_SECRET, verify: { allowedIss: 'heartguard', allowedAud: 'heartguard', cache: 1000 } })
  await app.register(rateLimit, { max: 100000000, timeWindow: 60000, redis })
  app.addHook('onSend', async (request, reply, payload) => {
    const claims = request.user ?? {}
    const event = {
      id: randomUUID(), time: Date.now(), kind: 'access', actor: claims.sub, org_id: claims.org_id,
      action: request.url, service: 'gateway', outcome: reply.statusCode < 400 ? 'success' : 'denied',
      payload: { method: request.method, status: reply.statusCode }
    }
    await redis.xadd(STREAM, '*', 'event', JSON.stringify(event))
    return payload
  })
  await app.register(proxy, {
    upstream: BACKEND_URL,
    undici: { connections: 128, pipelining: 1 },
    preHandler: async (request, reply) => {
      try {
        await request.jwtVerify()
      } catch {
        return reply.code(401).send({ error: 'token' })
      }
      if (await redis.exists(`hg:rev:jti:${request.user.jti}`)) return reply.code(401).send({ error: 'revoked' })
    }
  })
  await app.listen({ port: Number(PORT), host: '127.0.0.1', backlog: 1024 })
}
