using System.Net.Http.Headers;

namespace EdgeProxy;

/// <summary>Fields of a message as they came, valid or not.</summary>
internal static class RawFields
{
    public static void CopyTo(this HttpHeaders from, HttpHeaders to)
    {
        foreach (var (name, values) in from.NonValidated)
        {
            to.TryAddWithoutValidation(name, values);
        }
    }
}
