// Registers, logs in, writes, queries, is refused and uploads, with the client of openapi-generator (kotlin).
// The arguments are the URL of the gateway and an e-mail address; prints what came back as one JSON document.
import java.io.File
import java.time.OffsetDateTime
import java.util.Base64
import org.openapitools.client.apis.AuthApi
import org.openapitools.client.apis.MediaApi
import org.openapitools.client.apis.TimeseriesApi
import org.openapitools.client.infrastructure.ApiClient
import org.openapitools.client.infrastructure.ClientError
import org.openapitools.client.infrastructure.ClientException
import org.openapitools.client.infrastructure.Serializer
import org.openapitools.client.models.LoginRequest
import org.openapitools.client.models.MediaUpload
import org.openapitools.client.models.Point
import org.openapitools.client.models.Problem
import org.openapitools.client.models.QueryRequest
import org.openapitools.client.models.RegisterRequest
import org.openapitools.client.models.WriteRequest

const val PASSWORD = "one long password 1"

// The client accepts every type that an operation lists, so that errors are problem details (RFC 9457).
fun refusal(call: () -> Any): Problem {
    try {
        call()
    } catch (refused: ClientException) {
        val body = (refused.response as ClientError<*>).body as String
        return Serializer.moshi.adapter(Problem::class.java).fromJson(body)!!
    }
    throw IllegalStateException("not refused")
}

fun main(arguments: Array<String>) {
    val (url, email) = arguments
    val auth = AuthApi(url)
    val account = auth.register(RegisterRequest(email, PASSWORD, organizationName = "Clinic $email"))
    val refused = refusal { auth.logIn(LoginRequest(email, "another password 1")) }
    ApiClient.accessToken = auth.logIn(LoginRequest(email, PASSWORD)).accessToken
    val series = TimeseriesApi(url)
    val media = MediaApi(url)

    val bucket = "org_${account.orgId}"
    val start = OffsetDateTime.parse("2024-06-01T10:00:00Z")
    val point = Point("heart_rate", mapOf("bpm" to 72), mapOf("user_id" to "${account.userId}"), start)
    val written = series.writePoints(WriteRequest(bucket, listOf(point)))
    val query = QueryRequest(bucket, "heart_rate", start, start.plusMinutes(1))
    val found = series.queryPoints(query).series[0].points[0].fields["bpm"] as Double
    val invalid = refusal { series.queryPoints(query.copy(every = "never")) }

    val file = File.createTempFile("raw", ".bin").apply { writeBytes(byteArrayOf(0, -1, 114, 97, 119)) }
    val raw = media.uploadBytes("raw.bin", file)
    file.delete()
    val note = MediaUpload("note.txt", "text/plain", Base64.getEncoder().encodeToString("HeartGuard".toByteArray()))
    val kept = media.readFile(media.uploadFile(note).id)

    println(
        """{"refused": "${refused.code}", "written": ${written.inserted}, "found": $found,
        "invalid": ["${invalid.code}", "${invalid.errors!![0].pointer.removePrefix("#")}"],
        "raw": ${raw.propertySize}, "kept": ["${kept.fileName}", ${kept.propertySize}]}"""
    )
}
